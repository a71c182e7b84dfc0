"""What the kernel holds: XFRM states and policies of a node, and whether the running kernel has ESP at all."""

import dataclasses
import os
import re

from . import linux, process


@dataclasses.dataclass(frozen=True)
class State:
    """One SA. Its keys are never read."""

    src: str
    dst: str
    spi: str
    reqid: int
    mode: str
    bytes: int
    packets: int


_HEAD = re.compile(r"^src (\S+) dst (\S+)\s*$")
_SA = re.compile(r"^\s+proto esp spi (0x[0-9a-f]{8})(?:\(\d+\))? reqid (\d+)(?:\(0x[0-9a-f]+\))? mode (\w+)")
_COUNT = re.compile(r"^\s+(\d+)\(bytes\), (\d+)\(packets\)")


def parse_states(text):
    """States out of `ip -s xfrm state list nokeys`."""
    found, current, in_current = [], None, False
    for line in text.splitlines():
        if head := _HEAD.match(line):
            if current:
                found.append(State(**current))
            current, in_current = {"src": head[1], "dst": head[2], "bytes": 0, "packets": 0}, False
        elif current is not None and (sa := _SA.match(line)):
            current.update(spi=sa[1], reqid=int(sa[2]), mode=sa[3])
        elif "lifetime current:" in line:
            in_current = True
        elif in_current and (count := _COUNT.match(line)):
            current.update(bytes=int(count[1]), packets=int(count[2]))
            in_current = False
    if current:
        found.append(State(**current))
    return found


def states(node):
    """XFRM states of a node, with counters, without keys."""
    text = node.run("ip", "-s", "xfrm", "state", "list", "nokeys", "proto", "esp").out
    return parse_states(text)


def policies(node):
    """XFRM policies as `ip` prints them, one string each."""
    text = node.run("ip", "xfrm", "policy", "list").out
    return [p.strip() for p in re.split(r"\n(?=src )", text) if p.strip()]


def why_no_esp():
    """None where an ESP state can be made in a network namespace of its own; else what the kernel said."""

    def alone():
        linux.unshare(linux.CLONE_NEWNET)

    done = process.run(
        [
            "ip",
            "xfrm",
            "state",
            "add",
            "src",
            "10.0.0.1",
            "dst",
            "10.0.0.2",
            "proto",
            "esp",
            "spi",
            "0x100",
            "mode",
            "tunnel",
            "aead",
            "rfc4106(gcm(aes))",
            "0x" + os.urandom(20).hex(),
            "128",
        ],
        check=False,
        enter=alone,
    )
    return None if done.status == 0 else f"the running kernel has no ESP ({done.err.strip()})"
