#!/usr/bin/env python3
"""Computes the golden vectors of the pair key a second time, with Python's hmac alone.

golden.py FILE          checks FILE, exits 1 at the first difference
golden.py --write FILE  writes it
"""
import hashlib
import hmac
import json
import struct
import sys

SALT = b"henb-x2sec/pair-key/v1"


def pair_key(ikm, lower, generation_lower, higher, generation_higher, epoch, purpose):
    info = b"".join(
        [
            struct.pack(">H", len(lower)), lower,
            struct.pack(">H", len(higher)), higher,
            struct.pack(">QIIB", epoch, generation_lower, generation_higher, purpose),
        ])
    prk = hmac.new(SALT, ikm, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def cases():
    counting = bytes(range(32))
    other = hashlib.sha256(b"henb-x2sec golden root").digest()
    long_a = ".".join(["a" * 49] * 4)
    long_b = ".".join(["b" * 49] * 3 + ["b" * 50])
    yield counting, "henb-a.example", 1, "henb-b.example", 3, 42, 1
    yield counting, "henb-a.example", 1, "henb-b.example", 3, 42, 2
    yield counting, "henb-a.example", 1, "henb-b.example", 3, 43, 1
    yield counting, "henb-a.example", 3, "henb-b.example", 1, 42, 1
    yield counting, "henb-a.example", 2, "henb-b.example", 3, 42, 1
    yield other, "a", 1, "b", 1, 1, 1
    yield other, "a", 0, "aa", 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 1
    yield other, long_a, 7, long_b, 9, 1 << 32, 2
    yield other, "1.example", 1, "henb-1.example", 256, 65536, 1


def vectors():
    for ikm, lower, generation_lower, higher, generation_higher, epoch, purpose in cases():
        key = pair_key(ikm, lower.encode(), generation_lower, higher.encode(), generation_higher, epoch, purpose)
        yield {"ikm": ikm.hex(), "lower": lower, "generation_lower": generation_lower, "higher": higher,
               "generation_higher": generation_higher, "epoch": epoch, "purpose": purpose, "key": key.hex()}


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--write":
        with open(sys.argv[2], "w") as out:
            json.dump(list(vectors()), out, indent=2)
            out.write("\n")
        return 0
    with open(sys.argv[1]) as file:
        stored = json.load(file)
    computed = list(vectors())
    if len(stored) != len(computed):
        print(f"{len(stored)} vectors in the file, {len(computed)} computed")
        return 1
    for i, (a, b) in enumerate(zip(stored, computed)):
        if a != b:
            print(f"vector {i} differs:\n  file     {a}\n  computed {b}")
            return 1
    print(f"{len(stored)} vectors agree")
    return 0


sys.exit(main())
