"""A neighbour that is an eNB."""

import time

from x2lab import layout, moves, policy, product

NAME = "enb-neighbour"
ABOUT = "A neighbour of kind ENB gets no pair key, with the reason; after enrolment the link is up by the operator's certificates."
REQUIREMENTS = ("R42",)
TAGS = ("enrolment",)
NODES = ("a", "c", "ca")


def run(scene, story):
    a, c = layout.HENBS["a"], layout.HENBS["c"]
    begun = time.time()
    site = product.Site(scene, story.note)
    site.start_ca()
    site.start(("a", "c"))
    site.push([policy.psk_only("ac")])
    site["a"].add_neighbour("c", kind="ENB")
    site["c"].add_neighbour("a")
    site["a"].wait("c", "BLOCKED", 30)
    told = site["a"].json("explain", c.id)
    story.step("no pair key for an eNB, and why", f"{told['outcome']}: {told['reason']}", told["outcome"] == "BLOCK" and "ENB" in str(told).upper())
    moves.refused(scene, story, "a sends nothing to c", "a", a.lan, c.lan, "c")
    site.push([policy.certificates("ac")], version=2)
    link = site.wait_up("a", "c", 180)
    story.step("both enrolled: up by certificates", f"{link['state']}, {link['certificate']}", link["state"] == "UP_CERT")
    held = [entry["state"] for entry in site.ca.ledger()]
    story.step("one live certificate for each at the CA", " ".join(held), sorted(held) == ["CONFIRMED", "CONFIRMED"])
    moves.traffic_passes(scene, story, "traffic", "a", "c")
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
