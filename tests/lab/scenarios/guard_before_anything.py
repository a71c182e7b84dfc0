"""The guard's early unit alone: no pluto, no x2secd has ever run."""

import time

from x2lab import layout, moves, product

NAME = "guard-before-anything"
ABOUT = "After the early unit, with x2secd never started and pluto stopped, no X2 leaves or gets in, IPv4 and IPv6."
REQUIREMENTS = ("R16",)
TAGS = ("quick", "guard")
NODES = ("a", "b")
BACKHAUL = "passes"


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    product.X2secd(scene, "a").guard_up()
    begun = time.time()
    moves.refused(scene, story, "x2secd never started: a sends nothing to b", "a", a.lan, b.lan, "b")
    scene.plutos["a"].stop()
    moves.refused(scene, story, "pluto stopped: a sends nothing to b", "a", a.lan, b.lan, "b")
    moves.refused(scene, story, "the same in IPv6", "a", a.lan6, b.lan6, "b")
    moves.not_heard(scene, story, "b, unguarded, sends: a does not hear it", "b", b.lan, "a", a.lan)
    moves.not_heard(scene, story, "the same in IPv6", "b", b.lan6, "a", a.lan6)
    moves.nothing_clear(
        scene, story, "a has put nothing readable on a wire", after=begun, senders={a.lan, a.lan6, a.wan, a.wire}
    )
    moves.restore_backhaul(scene, "a")
