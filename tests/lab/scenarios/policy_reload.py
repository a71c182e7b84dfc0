"""A new policy under running traffic."""

import time

from x2lab import layout, moves, policy

NAME = "policy-reload"
ABOUT = "A new version that changes nothing loses no packet; one that blocks shuts the link, and the next one opens it again."
REQUIREMENTS = ("R16", "R56")
TAGS = ("quick", "policy")
NODES = ("a", "b")


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    before = site["a"].link("b")["esp"]["spi_out"]
    flow = moves.flow(scene).start().run_for(1)
    site.push([policy.certificates("ab")], version=2)
    story.flow("the same rules as version 2: no packet lost", flow.run_for(2).stop())
    after = site["a"].link("b")["esp"]["spi_out"]
    story.step("the SA is the same", f"{before} → {after}", before == after)
    older = site["a"].push(policy.make([policy.certificates("ab")], version=1), check=False)
    seen = f"exit {older.status}: {older.err.strip()[-160:]}"
    story.step("an older version is refused, with the place", seen, older.status != 0 and "version: " in older.err)
    site.push([policy.certificates("c")], version=3)
    site["a"].wait("b", "BLOCKED", 30)
    moves.refused(scene, story, "a version without b: X2 is refused", "a", a.lan, b.lan, "b")
    site.push([policy.certificates("ab")], version=4)
    site.wait_up("a", "b")
    moves.traffic_passes(scene, story, "the next version opens it again")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
