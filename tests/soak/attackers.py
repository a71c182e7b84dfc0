#!/usr/bin/python3
"""Hostile clients of keydist-server: attackers.py FOLDER PORT PROTOS KIND. Goes on until SIGTERM.

Says "begun" once it has done it, and at the end how often."""
import os
import pathlib
import random
import signal
import socket
import sys
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import raw_http2 as h2  # noqa: E402

GET = "/henb.keydist.v1.KeyDistribution/GetPairKeys"
WATCH = "/henb.keydist.v1.KeyDistribution/Watch"
ROOT, PORT = types.SimpleNamespace(root=pathlib.Path(sys.argv[1])), int(sys.argv[2])
CHANCE = random.Random(7)


OVER = []  # Not empty: enough.


def again():
    return not OVER


def did(count):
    if count == 1:
        print("begun", flush=True)


def quietly(action):
    """1: done; being cut off is a way to be done."""
    try:
        action()
    except TimeoutError:
        return 1
    except OSError:  # ssl's errors are: the server ended the connection, which is its right.
        return 1
    return 1


def malformed_frames():
    """A good start, then octets that are no frames, or frames that must not come."""
    def one():
        with h2.connect(ROOT, "attacker", PORT) as connection:
            bad = [os.urandom(300), h2.frame(h2.DATA, 0, 0, b"x"), h2.frame(h2.HEADERS, 4, 2, b"\x80"), h2.frame(h2.SETTINGS, 0, 0, b"123"),
                   h2.frame(h2.CONTINUATION, 0, 1, b"x"), h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
                   h2.frame(h2.HEADERS, 5, 1, h2.headers(GET)) + h2.frame(h2.DATA, 1, 1, os.urandom(64))]
            connection.sendall(CHANCE.choice(bad))
            connection.settimeout(0.2)
            connection.recv(4096)
    count = 0
    while again():
        count += quietly(one)
        did(count)
    return count


def oversized():
    """Frames of 16 MB, messages of a gigabyte by their own word, headers of a megabyte."""
    def one():
        with h2.connect(ROOT, "attacker", PORT) as connection:
            kind = CHANCE.randrange(3)
            if kind == 0:
                connection.sendall(b"\xff\xff\xff" + bytes([h2.DATA, 0]) + b"\0\0\0\1" + os.urandom(1 << 16))
            elif kind == 1:
                connection.sendall(h2.frame(h2.HEADERS, 4, 1, h2.headers(GET)) + h2.frame(h2.DATA, 0, 1, b"\0\x40\0\0\0" + b"x" * 16000))
                for _ in range(8):
                    connection.sendall(h2.frame(h2.DATA, 0, 1, b"x" * 16000))
            else:
                connection.sendall(h2.frame(h2.HEADERS, 0, 1, h2.headers(GET)))
                for _ in range(64):
                    connection.sendall(h2.frame(h2.CONTINUATION, 0, 1, h2.headers(GET, [("x-" + "a" * 20, "b" * 15000)])))
            connection.settimeout(0.2)
            connection.recv(4096)
    count = 0
    while again():
        count += quietly(one)
        did(count)
    return count


def address_of(count):
    """Of ten HeNBs that are in it together; the healthy one has 127.0.0.1 for itself: the tunnel's address is a HeNB's own."""
    return (f"127.0.0.{2 + count % 10}", 0)


def connections(most=10_000):
    """As many connections as it may have, silent, opened again when the server ends them."""
    held, count = [], 0
    while again():
        if len(held) < most:
            try:
                held.append(socket.create_connection(("127.0.0.1", PORT), timeout=5, source_address=address_of(count)))
                count += 1
                did(count)
            except OSError:  # Reset, which is the server's right.
                time.sleep(0.0005)
        else:
            held.pop(0).close()
    return count


def half_handshakes(most=500):
    """The first part of a ClientHello, and nothing more."""
    hello = bytes.fromhex("1603010200010001fc0303") + os.urandom(100)
    held, count = [], 0
    while again():
        try:
            one = socket.create_connection(("127.0.0.1", PORT), timeout=5, source_address=address_of(count))
            count += 1
            one.sendall(hello)
            held.append(one)
            did(len(held))
        except OSError:  # Reset, which is the server's right.
            pass
        if len(held) > most:
            held.pop(0).close()
    return count


def unread_streams():
    """Streams and calls whose answers are never read: the windows are shut."""
    def one():
        with h2.tls(ROOT, "attacker", PORT) as connection:
            connection.sendall(h2.PREFACE + h2.frame(h2.SETTINGS, 0, 0, b"\0\4\0\0\0\0"))  # Initial window 0.
            for stream in range(1, 201, 2):
                path = WATCH if stream % 20 == 1 else GET
                message = b"\0\0\0\0\x0d\x0a\x09b.example\x10\1" if path == GET else b"\0\0\0\0\0"
                connection.sendall(h2.frame(h2.HEADERS, 4, stream, h2.headers(path)) + h2.frame(h2.DATA, 1, stream, message))
            time.sleep(0.5)
    count = 0
    while again():
        count += quietly(one)
        did(count)
    return count


def rapid_resets():
    """A stream opened and reset at once, without a pause (CVE-2023-44487)."""
    count = [0]

    def one():
        with h2.connect(ROOT, "attacker", PORT) as connection:
            stream = 1
            block = h2.headers(GET)
            while again():
                burst = b""
                for _ in range(100):
                    burst += h2.frame(h2.HEADERS, 4, stream, block) + h2.frame(h2.RST_STREAM, 0, stream, b"\0\0\0\x08")
                    stream += 2
                connection.sendall(burst)
                count[0] += 100
                did(count[0] // 100)
    while again():
        quietly(one)
    return count[0]


def million_peers():
    """A million peers in one call."""
    import grpc
    sys.path.insert(0, sys.argv[3])
    from henb.keydist.v1 import keydist_pb2, keydist_pb2_grpc
    read = lambda name: (ROOT.root / name).read_bytes()
    credentials = grpc.ssl_channel_credentials(read("operator-root.pem"), read("attacker.key"), read("attacker.pem"))
    options = [("grpc.ssl_target_name_override", "keydist.example"), ("grpc.max_send_message_length", -1)]
    request = keydist_pb2.GetPairKeysRequest(peers=["b.example"] * 1_000_000, purpose=keydist_pb2.IKE_PSK)
    count = 0
    with grpc.secure_channel(f"127.0.0.1:{PORT}", credentials, options) as channel:
        service = keydist_pb2_grpc.KeyDistributionStub(channel)
        while again():
            try:
                service.GetPairKeys(request, timeout=5)
                sys.exit("a million peers were answered")
            except grpc.RpcError:
                count += 1
                did(count)
    return count


KINDS = {kind.__name__: kind for kind in (malformed_frames, oversized, connections, half_handshakes, unread_streams, rapid_resets, million_peers)}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: OVER.append(True))
    print(KINDS[sys.argv[4]]())
