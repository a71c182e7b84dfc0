"""Two neighbours were given different policies."""

import time

from x2lab import layout, moves, policy, process, product, revocation

NAME = "method-mismatch"
ABOUT = "One end is to use certificates, the other a pair key: both say so, neither flaps, nothing passes; with one policy it comes up."
REQUIREMENTS = ("R9",)
TAGS = ("negative",)
NODES = ("a", "b")
WATCHED = 20  # seconds
WORDS = "method mismatch"


def _ups(site, letter):
    return len(revocation.events(site[letter].daemon, "link.up"))


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = product.Site(scene, story.note)
    site.start_keydist()
    site.start(("a", "b"))
    begun = time.time()
    site.push({"a": [policy.certificates("ab")], "b": [policy.psk_only("ab")]}).introduce("a", "b")
    for letter, peer in (("a", "b"), ("b", "a")):
        said = process.until(
            f"{letter} says what is amiss",
            lambda x=letter, y=peer: (lambda e: e if WORDS in e else None)(site[x].link(y).get("last_error") or ""),
            120,
            every=0.5,
        )
        story.step(f"{letter} says that the methods do not meet", said, WORDS in said)
    decisions, end = set(), time.monotonic() + WATCHED
    while time.monotonic() < end:
        decisions.add((site["a"].link("b")["method"], site["b"].link("a")["method"]))
        time.sleep(0.5)
    story.step(
        f"neither changes its mind in {WATCHED} s, and no link was up",
        f"methods {sorted(map(str, decisions))}, up {_ups(site, 'a')} and {_ups(site, 'b')} times",
        len(decisions) == 1 and _ups(site, "a") == 0 and _ups(site, "b") == 0,
    )
    moves.refused(scene, story, "a sends nothing to b", "a", a.lan, b.lan, "b")
    moves.refused(scene, story, "b sends nothing to a", "b", b.lan, a.lan, "a")
    site.push([policy.certificates("ab")], version=2)
    link = site.wait_up("a", "b", 120)
    story.step("with one policy for both it is up", link["state"], link["state"] == "UP_CERT")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
