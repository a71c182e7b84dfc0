"""A neighbour gets another address."""

import json
import time

from x2lab import kernel, layout, moves, product

NAME = "address-change"
ABOUT = "A neighbour's address changes: the old SA goes, the new one is up within 10 s."
REQUIREMENTS = ("R19",)
TAGS = ("quick",)
NODES = ("a", "b")
NEW = "10.9.0.12"
WITHIN = 10


def _outbound(scene, address):
    return [s.spi for s in kernel.states(scene["a"]) if s.dst == address]


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    moves.traffic_passes(scene, story, "traffic at the old address")
    story.step("an SA to the old address", " ".join(_outbound(scene, b.lan)), len(_outbound(scene, b.lan)) == 1)
    scene["b"].ip(f"addr del {b.lan}/24 dev lan0", f"addr add {NEW}/24 dev lan0")
    scene.plutos["b"].whack("--listen")  # as a host's network scripts do
    value = product.record("b", scene=scene, x2c_addresses=[NEW], x2u_addresses=[NEW], ike_address=NEW)
    inside = scene["a"].write("/run/lab/neighbour-b.json", json.dumps(value))
    one_run = site["a"].ctl("links").seconds
    started = time.monotonic()
    site["a"].ctl("neighbour", "add", "--file", inside)
    gone = moves.seconds_until(lambda: not _outbound(scene, b.lan), "the old SA is gone", 60)
    site["a"].wait("b", "UP", 90)
    took = time.monotonic() - started
    spi = site["a"].link("b")["esp"]["spi_out"]
    story.step(
        f"the old SA is gone, the new one up within {WITHIN} s",
        f"gone {gone:.1f} s, up {took:.1f} s, of which two runs of x2secctl take {one_run:.1f} s each on this machine",
        took <= WITHIN + 2 * one_run and spi in _outbound(scene, NEW),
    )
    site["b"].wait("a", "UP", 60)
    flow = moves.Flow(scene["a"], a.lan, scene["b"], NEW, rate=50).start().run_for(2).stop()
    story.flow("traffic at the new address", flow)
    moves.refused(scene, story, "nothing to the old address", "a", a.lan, b.lan)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
