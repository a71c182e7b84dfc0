"""Certificates as large as promised on a narrow path that lets no IP fragment through."""

import re
import time

from x2lab import deep_chain, layout, moves, pki, policy, product

NAME = "large-chain-small-mtu"
ABOUT = "Chains of three with 4096-bit RSA, MTU 1280, each end knows the root alone, IP fragments dropped: IKE comes up, full-size X2-U and X2-C pass."
REQUIREMENTS = ("R18",)
TAGS = ("interop",)
NODES = ("a", "b")
NEEDS = ("deep-chain",)
A, B = layout.HENBS["a"], layout.HENBS["b"]
MTU = 1280
NO_FRAGMENTS = """table bridge narrow {
 chain through {
  type filter hook forward priority 0
  ip frag-off & 0x3fff != 0 counter drop
 }
}
"""
HEADERS = 40  # IPv4, UDP and GTP-U with sequence numbers
# What an application learns of the path: the largest packet that goes to X2-U's port without being cut.
ASK_MTU = """import errno, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 2152))
s.setsockopt(socket.IPPROTO_IP, 10, 2)
s.connect((sys.argv[2], 2152))
try:
    s.send(bytes(1400))
    print("sent", 0)
except OSError as e:
    print(errno.errorcode[e.errno], s.getsockopt(socket.IPPROTO_IP, 14))
"""


def _narrow(scene):
    """MTU on the LAN, and no IP fragment gets across it."""
    for letter in "ab":
        scene[letter].ip(f"link set lan0 mtu {MTU}")
        scene.switch.ip(f"link set {letter}-lan0 mtu {MTU}")
    scene.switch.ip(f"link set lan mtu {MTU}")
    scene.switch.run("nft", "-f", "-", feed=NO_FRAGMENTS)


def _fragments_dropped(scene):
    return int(re.search(r"counter packets (\d+)", scene.switch.run("nft", "list", "table", "bridge", "narrow").out)[1])


def _ping(scene, size):
    words = ["busybox", "ping", "-c", "2", "-W", "2", "-s", size, "-I", A.lan, B.lan]
    return scene["a"].run(*words, check=False, timeout=20).status == 0


def _start(scene, story, chain):
    """x2secd on both, with the large certificates in the place of the usual ones."""
    site = product.Site(scene, story.note)
    for letter in "ab":
        own, made = chain.henb(letter), product.X2secd(scene, letter)
        node = scene[letter]
        bundle = pki.bundle(scene.artefacts / f"vendor-{letter}.pem", own.cert, own.chain[0])
        node.write("/etc/henb-x2sec/vendor.pem", bundle.read_text())
        node.write("/etc/henb-x2sec/vendor.key", own.key.read_text(), 0o600)
        node.write("/etc/henb-x2sec/vendor-root.pem", chain.root.cert.read_text())
        site.x2secd[letter] = made.guard_up().begin()
    signed = policy.sign(policy.make([policy.certificates("ab")]), chain.signer(), scene.artefacts / "policy.cms")
    for letter, other in ("ab", "ba"):
        site[letter].wait_ready()
        inside = scene[letter].write("/run/lab/policy.cms", signed.read_bytes())
        site[letter].ctl("policy", "push", inside)
        site[letter].add_neighbour(other, issuer_spki_sha256=chain.root.spki_sha256())
    return site


def run(scene, story):
    chain = deep_chain.load()
    _narrow(scene)
    story.step("a small packet crosses the LAN", f"ping of {MTU - 28} octets", _ping(scene, MTU - 28))
    crossed = _ping(scene, 2000)
    story.step("a large one, in fragments, does not", f"{_fragments_dropped(scene)} fragments dropped", not crossed and _fragments_dropped(scene) > 0)
    begun = time.time()
    site = _start(scene, story, chain)
    link = site.wait_up("a", "b", 90)
    story.step("up by certificates", f"{link['state']}, {link.get('certificate')}", link["state"] == "UP_CERT")
    mid = _fragments_dropped(scene)
    moves.traffic_passes(scene, story, "X2-C and small X2-U")
    said, mtu = scene["a"].run("python3", "-c", ASK_MTU, A.lan, B.lan).out.split()
    story.step("X2-U that is too large is told the path's size at once", f"{said}, {mtu}", said == "EMSGSIZE" and 1150 < int(mtu) < MTU)
    flow = moves.flow(scene, rate=50, size=int(mtu) - HEADERS).start().run_for(3).stop()
    story.flow(f"X2-U of that size, {mtu} octets", flow)
    site["a"].ctl("rotate", B.id, "--timeout", "60s", timeout=90)
    story.step("the keys change", site["a"].state("b"), site["a"].state("b") == "UP_CERT")
    story.step("neither IKE nor ESP was sent in fragments", f"{_fragments_dropped(scene) - mid} dropped", _fragments_dropped(scene) == mid)
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
