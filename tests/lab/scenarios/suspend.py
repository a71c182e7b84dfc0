"""A HeNB is stolen: its operator suspends it, and it is out."""

import time

from x2lab import kernel, layout, moves, product

NAME = "suspended-henb-is-out"
ABOUT = "The operator suspends a HeNB: its PSK links are down at both ends within 2 s; resumed, it comes back with another key."
REQUIREMENTS = ("R52",)
TAGS = ("quick",)
NODES = ("a", "b")
WITHIN = 2


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = moves.psk_only_pair(scene, story)
    moves.traffic_passes(scene, story, "traffic before")
    before = site["b"].link("a")["generation"]
    begun = time.time()
    one_run = site.keydist.ctl("status").seconds

    def held(letter, peer):
        return [s.spi for s in kernel.states(scene[letter]) if peer in (s.src, s.dst)]

    started = time.monotonic()
    site.keydist.ctl("henb", "suspend", b.id)
    moves.seconds_until(lambda: not held("a", b.lan) and not held("b", a.lan), "no SA is left at both ends", 30)
    took = time.monotonic() - started
    story.step(
        f"no SA at either end within {WITHIN} s of the operator's command",
        f"{took:.1f} s, of which one run of keydistctl takes {one_run:.1f} s on this machine",
        took <= WITHIN + one_run,
    )
    for letter, peer in (("a", "b"), ("b", "a")):
        state = site[letter].state(peer)
        story.step(f"{letter} says that its link is not up", state, state not in product.UP)
    moves.refused(scene, story, "a sends nothing to b", "a", a.lan, b.lan, "b")
    moves.refused(scene, story, "b sends nothing to a", "b", b.lan, a.lan, "a")
    site.keydist.ctl("henb", "resume", b.id)
    link = site.wait_up("a", "b", 120)
    after = link["generation"]
    story.step(
        "resumed: up again, with a key of a higher generation of b",
        f"{link['state']}, generation {before} → {after}",
        link["state"] == "UP_PSK" and after > before,
    )
    moves.traffic_passes(scene, story, "traffic afterwards")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
