"""A neighbour that does not run x2secd: Debian's strongSwan."""

import re
import time

from x2lab import kernel, layout, moves, policy, process, product, programs, strongswan

NAME = "strongswan-neighbour"
ABOUT = "strongSwan as the peer, by certificates: either starts, either changes keys under traffic, strongSwan dies; nothing in clear."
REQUIREMENTS = ("R63", "R16", "R20")
TAGS = ("interop",)
NODES = ("a", "b")
NEEDS = ("strongswan",)
BACKHAUL = "none"  # a has no pluto; b's is looked at here
TIMEOUT = 420
A, B = layout.HENBS["a"], layout.HENBS["b"]
CONFIGURATION = programs.TOP / "docs" / "examples" / "swanctl.conf"
TAKEOVER = 20  # seconds that b, the higher identity, leaves a to start


def _swan_started(swan):
    """True when strongSwan was the initiator of its newest IKE SA: it marks its own SPI."""
    lines = re.findall(r"ESTABLISHED, IKEv2, \w+_i(\*?) ", swan.ctl("--list-sas").out)
    return bool(lines) and lines[0] == "*"


def _spi(site):
    return (site["b"].link("a").get("esp") or {}).get("spi_out")


def _changes_keys(scene, story, site, what, change, finish=lambda: None, promised=True):
    """`change()` under traffic, and `finish()` when b has moved. `promised`: nothing of what b sends is lost."""
    before = _spi(site)
    flow = moves.flow(scene).start().run_for(1)
    begun = time.monotonic()
    change()
    process.until("b sends on another SA", lambda: _spi(site) not in (None, before), 40, every=0.3)
    took = time.monotonic() - begun
    finish()
    totals = flow.run_for(2).stop()
    from_a, from_b = totals.lost_by_sender
    story.flow(f"{what}: traffic goes on", totals, lost=None)
    told = f"{from_b} of b's packets lost, {from_a} of strongSwan's, {took:.1f} s, SPI {before} → {_spi(site)}"
    story.step(f"{what}: " + ("none of b's packets lost" if promised else "what it loses"), told, from_b == 0 or not promised)
    story.step(f"{what}: the link is up", site["b"].state("a"), site["b"].state("a") == "UP_CERT")


class _Overlap:
    """strongSwan's key change without loss: a second IKE SA beside the old one (reuse_ikesa = no), which ends when b has moved."""

    def __init__(self, swan):
        self.swan, self.old = swan, []

    def begin(self):
        self.old = self.swan.ike_serials()
        self.swan.ctl("--initiate", "--child", "x2", "--timeout", "20")

    def end(self):
        for serial in self.old:
            self.swan.ctl("--terminate", "--ike-id", serial, "--timeout", "10")


def run(scene, story):
    begun = time.time()
    scene.plutos["a"].stop()
    swan = strongswan.StrongSwan(scene["a"], scene.material.henb("a"), scene.material.vendor_root("a"))
    swan.start(CONFIGURATION.read_text())
    site = product.Site(scene, story.note).start("b", timers={"takeover": f"{TAKEOVER}s"})
    site.push([policy.certificates("ab")])
    site["b"].add_neighbour("a")
    start = ("--initiate", "--child", "x2", "--timeout", "10")
    process.until("strongSwan's attempt is answered", lambda: swan.ctl(*start, check=False).status == 0, 60, 1)
    link = site["b"].wait("a", "UP", 60)
    story.step("strongSwan starts: up by certificates", link["state"], link["state"] == "UP_CERT" and _swan_started(swan))
    moves.traffic_passes(scene, story, "traffic")
    overlap = _Overlap(swan)
    rotate = ("rotate", A.id, "--timeout", "60s")
    for what, *how in (
        ("x2secctl rotate", lambda: site["b"].ctl(*rotate, timeout=90)),
        ("strongSwan starts a second IKE SA", overlap.begin, overlap.end),
    ):
        _changes_keys(scene, story, site, what, *how)
    for what, *words in (
        ("strongSwan reauthenticates", "--rekey", "--ike", "x2-henb-b", "--reauth"),
        ("strongSwan rekeys the child", "--rekey", "--child", "x2"),
    ):
        _changes_keys(scene, story, site, what, lambda w=words: swan.ctl(*w), promised=False)
    killed = time.time()
    swan.kill()
    down = moves.seconds_until(lambda: site["b"].state("a") not in product.UP, "b sees that strongSwan is dead", 60)
    story.step("strongSwan killed: b says so", f"{site['b'].state('a')} after {down:.1f} s", True)
    moves.refused(scene, story, "b sends nothing", "b", B.lan, A.lan, "a")
    scene["a"].ip("xfrm state flush", "xfrm policy flush")
    moves.not_heard(scene, story, "what a now sends in clear does not get past b's guard", "a", A.lan, "b", B.lan)
    swan.start(CONFIGURATION.read_text())
    link = site["b"].wait("a", "UP", 2 * TAKEOVER + 60)
    story.step("strongSwan is back and waits; b starts: up", link["state"], link["state"] == "UP_CERT" and not _swan_started(swan))
    moves.traffic_passes(scene, story, "traffic again")
    same = scene.backhaul_spis("b") == scene.backhaul_before["b"]
    story.step("backhaul of b unharmed", "same SPIs" if same else "other SPIs", same and scene.backhaul_passes("b"))
    moves.nothing_clear(scene, story, "nothing in clear while strongSwan ran", after=begun, before=killed)
    moves.nothing_clear(scene, story, "nothing in clear from b at any time", after=begun, senders={B.lan, B.wan})
