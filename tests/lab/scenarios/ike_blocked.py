"""IKE can't get through: the decision stays, and nothing passes."""

import time

from x2lab import layout, moves, policy, product

NAME = "ike-blocked"
ABOUT = (
    "With UDP 500 and 4500 dropped the link is not up and X2 is refused; it comes up by itself when IKE passes again."
)
REQUIREMENTS = ("R7", "R16")
TAGS = ("quick", "guard")
NODES = ("a", "b")


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = product.Site(scene, story.note).start()
    begun = time.time()
    with moves.ike_blocked(scene, "a", "b"):
        site.push([policy.certificates("ab")]).introduce("a", "b")
        moves.refused(scene, story, "IKE dropped: a sends nothing to b", "a", a.lan, b.lan, "b")
        link = site["a"].link("b")
        story.step(
            "decided CERT, not up",
            f"{link['decision']}, {link['state']}",
            link["decision"] == "CERT" and link["state"] in ("KEYING", "FAILED"),
        )
    site["a"].wait("b", "UP", 120)
    moves.traffic_passes(scene, story, "IKE passes again: the link is up")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
