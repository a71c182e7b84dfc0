"""A neighbour gets a second transport address, and loses it again, while the link carries."""

import time

from x2lab import kernel, layout, moves, policy, process, product

NAME = "addresses-come-and-go"
ABOUT = "Second X2 addresses at both ends: each pair gets its own SA and traffic, what ran goes on without loss; taken away: shut, nothing else."
REQUIREMENTS = ("R17", "R16")
TAGS = ("interop",)
NODES = ("a", "b")
TIMEOUT = 800
A, B = layout.HENBS["a"], layout.HENBS["b"]
SECOND = {"a": "10.9.1.1", "b": "10.9.1.2"}


def _tell(site, letter, other, addresses):
    """Gives a HeNB the other's record anew; each pair of addresses is an IKE SA of its own (no ike_address)."""
    site[letter].add_neighbour(other, x2c_addresses=addresses[:1], x2u_addresses=addresses, ike_address=None)


def _outbound(scene, letter, destination):
    return [s.spi for s in kernel.states(scene[letter]) if s.dst == destination]


def _pair(scene, story, what, one, other):
    flow = moves.Flow(scene["a"], one, scene["b"], other, rate=50).start().run_for(2).stop()
    story.flow(f"{what}: {one} – {other}", flow)


def run(scene, story):
    begun = time.time()
    site = product.Site(scene, story.note)
    for letter in "ab":
        own = [layout.HENBS[letter].lan, SECOND[letter]]
        site.x2secd[letter] = product.X2secd(scene, letter, x2={"local_addresses": own}).guard_up().begin()
    for letter in "ab":
        site[letter].wait_ready()
    site.push([policy.certificates("ab")])
    _tell(site, "a", "b", [B.lan])
    _tell(site, "b", "a", [A.lan])
    link = site.wait_up("a", "b")
    story.step("up with one pair of addresses", link["state"], link["state"] == "UP_CERT")
    running = moves.flow(scene, deadline=400).start().run_for(1)
    spi = _outbound(scene, "a", B.lan)
    for letter in "ab":
        scene[letter].ip(f"addr add {SECOND[letter]}/24 dev lan0")
        scene.plutos[letter].whack("--listen")  # as a host's network scripts do
    moves.refused(scene, story, "the new addresses are shut", "a", SECOND["a"], SECOND["b"], "b")
    _tell(site, "b", "a", [A.lan, SECOND["a"]])
    _tell(site, "a", "b", [B.lan, SECOND["b"]])
    process.until("an SA of each pair", lambda: len(_sas(scene)) == 4, 90, 0.5)
    site.wait_up("a", "b", 90)
    story.step("an SA for each of the four pairs", ", ".join(sorted(f"{s}→{d}" for s, d in _sas(scene))), True)
    story.step("the first pair's SA is the one it was", " ".join(_outbound(scene, "a", B.lan)), spi[0] in _outbound(scene, "a", B.lan))
    story.flow("what ran on the first pair has lost nothing", running.stop())
    for one in (A.lan, SECOND["a"]):
        for other in (B.lan, SECOND["b"]):
            _pair(scene, story, "traffic of the pair", one, other)
    running = moves.flow(scene, deadline=400).start().run_for(1)
    _tell(site, "b", "a", [A.lan])
    _tell(site, "a", "b", [B.lan])
    for letter in "ab":
        scene[letter].ip(f"addr del {SECOND[letter]}/24 dev lan0")
    process.until("the new pairs' SAs are gone", lambda: _sas(scene) == {(A.lan, B.lan)}, 60, 0.5)
    story.step("taken away: their SAs are gone, the first pair's is the one it was", spi[0], spi[0] in _outbound(scene, "a", B.lan))
    story.flow("what ran on the first pair has lost nothing this time either", running.stop())
    site.wait_up("a", "b")
    for letter in "ab":
        scene[letter].ip(f"addr add {SECOND[letter]}/24 dev lan0")
    moves.refused(scene, story, "the address that was taken away is shut again", "a", A.lan, SECOND["b"], "b")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _sas(scene):
    """(source, destination) of a's outbound SAs to b's addresses."""
    theirs = {B.lan, SECOND["b"]}
    return {(s.src, s.dst) for s in kernel.states(scene["a"]) if s.dst in theirs}
