"""Reads capture files and says what was on the wire: ESP, X2 in clear, or nothing."""

import dataclasses
import ipaddress
import pathlib
import struct

from .layout import X2C_PORT, X2U_PORT

ESP, CLEAR, NOTHING = "ESP", "CLEAR", "NOTHING"
TCP, UDP, IPV6_FRAGMENT, PROTO_ESP, SCTP = 6, 17, 44, 50, 132
IKE_PORTS = (500, 4500)


@dataclasses.dataclass(frozen=True)
class Packet:
    """One captured IP packet. `kind`: esp, ike, x2c, x2u (both in clear), other; `spi` for esp; `body` after the ports."""

    time: float
    src: str
    dst: str
    kind: str
    protocol: int
    sport: int
    dport: int
    spi: int
    body: bytes


def read(path):
    """All IP packets of a capture file, also of one still being written; what is not IP is left out."""
    path = pathlib.Path(path)
    data = path.read_bytes() if path.is_file() else b""
    if len(data) < 24:
        return []
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    magic = struct.unpack(order + "I", data[:4])[0]
    unit = 1e-9 if magic == 0xA1B23C4D else 1e-6
    if magic not in (0xA1B2C3D4, 0xA1B23C4D):
        raise ValueError(f"{path} is no capture file")
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16 : at + 16 + length]
        if len(frame) < length:
            break
        at += 16 + length
        if packet := _ethernet(seconds + fraction * unit, frame):
            found.append(packet)
    return found


def _ethernet(when, frame):
    if len(frame) < 34:
        return None
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        header = (frame[14] & 15) * 4
        fragment = struct.unpack_from("!H", frame, 20)[0] & 0x1FFF
        return _packet(
            when,
            str(ipaddress.IPv4Address(frame[26:30])),
            str(ipaddress.IPv4Address(frame[30:34])),
            frame[23],
            frame[14 + header :],
            fragment,
        )
    if kind == 0x86DD and len(frame) >= 54:
        protocol, rest, fragment = frame[20], frame[54:], 0
        if protocol == IPV6_FRAGMENT and len(rest) >= 8:
            protocol, fragment, rest = rest[0], struct.unpack_from("!H", rest, 2)[0] >> 3, rest[8:]
        return _packet(
            when,
            str(ipaddress.IPv6Address(frame[22:38])),
            str(ipaddress.IPv6Address(frame[38:54])),
            protocol,
            rest,
            fragment,
        )
    return None


def _packet(when, src, dst, protocol, rest, fragment):
    if protocol == PROTO_ESP and len(rest) >= 4:
        return Packet(when, src, dst, "esp", protocol, 0, 0, struct.unpack_from("!I", rest)[0], b"")
    if protocol not in (TCP, UDP, SCTP) or len(rest) < 4 or fragment:
        return Packet(when, src, dst, "other", protocol, 0, 0, 0, rest)
    sport, dport = struct.unpack_from("!HH", rest)
    ports = (sport, dport)
    body = rest[8:] if protocol == UDP else rest[4:]
    if protocol == UDP and 4500 in ports and len(body) >= 4 and body[:4] != b"\0\0\0\0":
        return Packet(when, src, dst, "esp", protocol, sport, dport, struct.unpack_from("!I", body)[0], body)
    kind = "other"
    if protocol == UDP and any(p in IKE_PORTS for p in ports):
        kind = "ike"
    elif protocol == UDP and X2U_PORT in ports:
        kind = "x2u"
    elif protocol == SCTP and X2C_PORT in ports:
        kind = "x2c"
    return Packet(when, src, dst, kind, protocol, sport, dport, 0, body)


@dataclasses.dataclass(frozen=True)
class Seen:
    """How many packets of each kind went between two sets of addresses, both ways."""

    esp: int
    clear_x2c: int
    clear_x2u: int
    ike: int
    other: int

    @property
    def clear(self):
        return self.clear_x2c + self.clear_x2u

    @property
    def verdict(self):
        """CLEAR as soon as one X2 packet was readable; else ESP where there was any; else NOTHING."""
        return CLEAR if self.clear else ESP if self.esp else NOTHING

    def __str__(self):
        return f"esp {self.esp}, clear X2-C {self.clear_x2c}, clear X2-U {self.clear_x2u}, ike {self.ike}, other {self.other}"


def count(packets, ones=None, others=None, after=None, before=None):
    """Seen between any of the addresses `ones` and any of `others` (None: any), in the time window (seconds since 1970)."""
    kinds = {"esp": 0, "x2c": 0, "x2u": 0, "ike": 0, "other": 0}
    for p in packets:
        if (after is not None and p.time < after) or (before is not None and p.time > before):
            continue
        forth = (ones is None or p.src in ones) and (others is None or p.dst in others)
        back = (ones is None or p.dst in ones) and (others is None or p.src in others)
        if forth or back:
            kinds[p.kind] += 1
    return Seen(kinds["esp"], kinds["x2c"], kinds["x2u"], kinds["ike"], kinds["other"])
