"""A neighbour trusted on one wire, met on another."""

import time

from x2lab import layout, moves, pcap, policy, product

NAME = "trusted-elsewhere"
ABOUT = "TRUSTED for e on wire0: met on the LAN, or with the wire's address by way of the LAN, e gets and sends nothing in clear."
REQUIREMENTS = ("R2", "R16")
TAGS = ("negative",)
NODES = ("a", "e")
A, E = layout.HENBS["a"], layout.HENBS["e"]


def _blocked(site, story, what, state="BLOCKED"):
    site["a"].wait("e", state, 30)
    link = site["a"].link("e")
    why = link.get("reason") or ""
    story.step(what, f"{link['state']}, {link['decision']}: {why}", link["state"] == "BLOCKED" and bool(why))


def run(scene, story):
    site = product.Site(scene, story.note).start()
    site.push({"a": [policy.trusted("e")], "e": [policy.trusted("a")]})
    begun = time.time()
    site.introduce("a", "e", "lan")
    _blocked(site, story, "e on the LAN is blocked")
    moves.refused(scene, story, "a sends nothing to e on the LAN", "a", A.lan, E.lan, "e")
    site.introduce("a", "e", "lan", interface="wire0")
    _blocked(site, story, "LAN addresses said to be on wire0: blocked")
    moves.refused(scene, story, "still nothing on the LAN", "a", A.lan, E.lan, "e")
    site.introduce("a", "e", "wire", interface="lan0")
    _blocked(site, story, "the wire's addresses said to be on lan0: blocked")
    moves.refused(scene, story, "nor anything on the wire", "a", A.wire, E.wire, "e")
    honest = time.time()
    site.introduce("a", "e", "wire")
    link = site.wait_up("a", "e")
    story.step("e on its wire is trusted", link["state"], link["state"] == "UP_TRUSTED")
    moves.traffic_passes(scene, story, "traffic passes there", "a", "e", "wire")
    wire_done = time.time()
    moves.refused(scene, story, "and nothing on the LAN", "a", A.lan, E.lan, "e")
    for node, other in ((A, E), (E, A)):
        scene[node.letter].ip(f"route replace {other.wire}/32 dev lan0 src {node.wire}")
    moves.refused(scene, story, "nor from wire to wire by way of the LAN", "a", A.wire, E.wire, "e")
    scene.stop_captures()
    wires = {wire: scene.captures[wire].packets() for wire in moves.RADIO_WIRES}
    everybody = [A.lan, A.wire, A.wan], [E.lan, E.wire, E.wan]
    story.wire("nothing at all on the LAN", pcap.count(wires["lan"], *everybody, after=begun), pcap.NOTHING)
    story.wire("nothing on the wire before e was met there", pcap.count(wires["wire"], *everybody, after=begun, before=honest), pcap.NOTHING)
    seen = pcap.count(wires["wire"], *everybody, after=honest, before=wire_done)
    story.wire("in clear on the wire, as decided", seen, pcap.CLEAR)
