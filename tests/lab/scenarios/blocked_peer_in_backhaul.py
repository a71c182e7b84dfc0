"""X2 of a peer without a decision, sent through the backhaul's wide tunnel."""

import time

from x2lab import layout, moves, policy, product
from x2lab.traffic import Flow

NAME = "blocked-peer-in-backhaul"
ABOUT = "Inside the backhaul's tunnel X2 of a blocked peer passes in neither direction, while S1-U of the core network does."
REQUIREMENTS = ("R16",)
TAGS = ("quick", "guard")
NODES = ("a", "oam", "stranger")


def run(scene, story):
    a = layout.HENBS["a"]
    site = product.Site(scene, story.note).start("a")
    site.push([policy.certificates("b")])
    begun = time.time()
    s1u = Flow(scene["a"], a.inner, scene["oam"], layout.OAM_ADDRESS, rate=50, sctp=False).start().run_for(2).stop()
    story.flow("S1-U with the core network passes in the backhaul", s1u)
    moves.not_heard(
        scene,
        story,
        "a stranger's X2 through the backhaul is not heard",
        "stranger",
        layout.STRANGER_ADDRESS,
        "a",
        a.inner,
    )
    moves.refused(scene, story, "nor does a send X2 to it", "a", a.inner, layout.STRANGER_ADDRESS, "stranger")
    moves.nothing_clear(scene, story, "nothing in clear on the wires of the site", after=begun)
