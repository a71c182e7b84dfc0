#!/usr/bin/python3
import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(path, more=()):
    """HPACK, every field literal and not indexed (RFC 7541 §6.2.2)."""
    fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "keydist.example"),
              ("content-type", "application/grpc"), ("te", "trailers"), *more]
    out = b""
    for name, value in fields:
        out += b"\x00" + length(name) + name.encode() + length(value) + value.encode()
    return out


def length(text):
    size = len(text)
    if size < 127:
        return bytes([size])
    out, size = bytes([127]), size - 127
    while size >= 128:
        out, size = out + bytes([size % 128 | 128]), size // 128
    return out + bytes([size])


def tls(root, name, port):
    """A connection as the HeNB `name`, ready for frames."""
    context = ssl.create_default_context(cafile=root.root / "operator-root.pem")
    context.load_cert_chain(root.root / f"{name}.pem", root.root / f"{name}.key")
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    return context.wrap_socket(plain, server_hostname="keydist.example")


def connect(root, name, port):
    connection = tls(root, name, port)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
    return connection
