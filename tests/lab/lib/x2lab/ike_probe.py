"""One IKE_SA_INIT (RFC 7296, 1.2) with a proposal of choice, for suites that pluto itself would not offer.

As a program: `ike_probe.py LOCAL REMOTE ENCR PRF INTEG DH` (IANA numbers) prints the notify type of the answer, 0 for an answer
without one (the proposal was taken), nothing when there was none.
"""

import os
import socket
import struct
import sys

IKE_SA_INIT, SA, KE, NONCE, NOTIFY = 34, 33, 34, 40, 41
NO_PROPOSAL_CHOSEN = 14
DES3, SHA1_PRF, SHA1_96, MD5_PRF, MD5_96, SHA256_PRF, SHA256_128 = 3, 2, 2, 1, 1, 5, 12
PUBLIC_SIZE = {1: 96, 2: 128, 5: 192, 14: 256, 22: 128, 23: 256, 24: 256}
KEY_SIZES = {12: 256}  # AES-CBC takes a key length


def _payload(following, body):
    return struct.pack("!BBH", following, 0, len(body) + 4) + body


def _proposal(encr, prf, integ, group):
    transforms = b""
    chosen = [(1, encr), (2, prf), (3, integ), (4, group)]
    for n, (kind, number) in enumerate(chosen):
        attribute = struct.pack("!HH", 0x800E, KEY_SIZES[number]) if kind == 1 and number in KEY_SIZES else b""
        more = 0 if n + 1 == len(chosen) else 3
        transforms += struct.pack("!BBHBBH", more, 0, 8 + len(attribute), kind, 0, number) + attribute
    return struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, len(chosen)) + transforms


def request(encr, prf, integ, group):
    """The message, as octets."""
    public = b"\x01" + os.urandom(PUBLIC_SIZE[group] - 1)
    payloads = (
        _payload(KE, _proposal(encr, prf, integ, group))
        + _payload(NONCE, struct.pack("!HH", group, 0) + public)
        + _payload(0, os.urandom(32))
    )
    header = os.urandom(8) + bytes(8) + struct.pack("!BBBBII", SA, 0x20, IKE_SA_INIT, 0x08, 0, 28 + len(payloads))
    return header + payloads


def notify_of(message):
    """The first notify type below 16384 (an error) of an answer; 0 without one."""
    kind, at = message[16], 28
    while kind and at + 4 <= len(message):
        following, _, size = struct.unpack_from("!BBH", message, at)
        if kind == NOTIFY:
            number = struct.unpack_from("!H", message, at + 6)[0]
            if number < 16384:
                return number
        kind, at = following, at + max(size, 4)
    return 0


def main(local, remote, *numbers):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.bind((local, 0))
        mouth.settimeout(4)
        message = request(*map(int, numbers))
        for _ in range(3):
            mouth.sendto(message, (remote, 500))
            try:
                print(notify_of(mouth.recv(4096)))
                return 0
            except TimeoutError:
                continue
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
