"""Keys change again and again under running traffic, and nobody on the link notices."""

import hashlib
import time
import types

from x2lab import kernel, layout, moves, process
from x2lab.pluto import X2_SECRETS

COMMON = {"REQUIREMENTS": ("R20", "R46"), "NODES": ("a", "b"), "run": None}
QUICK, LONG = 2, 10
BUSY = "a key change is running"  # x2secd itself changes keys when the key service has a new one


def rotate(site, letter, peer, timeout=60):
    """`x2secctl rotate` until one was made; one that x2secd has begun by itself is waited for. Its report."""

    def attempt():
        done = site[letter].ctl("rotate", layout.HENBS[peer].id, "--json", "--timeout", "60s", timeout=90, check=False)
        if done.status == 0:
            return done
        raise (process.Failed if BUSY in done.err else process.Ended)(str(done))

    return process.until(f"{letter} rotates its keys with {peer}", attempt, timeout, every=0.3)


def secret_digest(scene, letter):
    """Of the secrets file: whether it is another one than before can be seen without showing it."""
    return hashlib.sha256(scene[letter].path(X2_SECRETS).read_bytes()).hexdigest()


def outbound(scene, site, letter, peer):
    """SPIs of the kernel's SAs of this link towards the peer."""
    reqid = site[letter].link(peer)["reqid"]
    return sorted(s.spi for s in kernel.states(scene[letter]) if s.reqid == reqid and s.dst == layout.HENBS[peer].lan)


def new_key(scene, site, whose="a", ends="ab"):
    """The key service makes a new key, and both ends have it."""
    before = {end: secret_digest(scene, end) for end in ends}
    site.keydist.ctl("rotate", layout.HENBS[whose].id)
    for end in ends:
        process.until(f"{end} has the new key", lambda e=end: secret_digest(scene, e) != before[e], 30)


def _changes(scene, story, site, times, before_each=lambda: None):
    begun = time.time()
    spis = [site["a"].link("b")["esp"]["spi_out"]]
    flow = moves.flow(scene, deadline=1200).start().run_for(1)
    took = []
    for _ in range(times):
        before_each()
        started = time.monotonic()
        rotate(site, "a", "b")
        took.append(time.monotonic() - started)
        spis.append(site["a"].link("b")["esp"]["spi_out"])
        story.note(f"rotated in {took[-1]:.1f} s: outbound SPI {spis[-2]} → {spis[-1]}")
    story.step(
        f"the outbound SPI is another one after each of {times} changes",
        f"{len(set(spis))} different, {min(took):.1f}–{max(took):.1f} s each",
        len(set(spis)) == times + 1,
    )
    left = outbound(scene, site, "a", "b")
    story.step("no old SA is left", " ".join(left), left == spis[-1:])
    story.flow(f"no packet lost in {times} changes", flow.run_for(1).stop())
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _certificate(times):
    def run(scene, story):
        _changes(scene, story, moves.certificate_pair(scene, story), times)

    return run


def _psk(times):
    def run(scene, story):
        site = moves.psk_only_pair(scene, story)
        _changes(scene, story, site, times, before_each=lambda: new_key(scene, site))

    return run


def _scenario(name, about, run, **more):
    return types.SimpleNamespace(**{**COMMON, "NAME": name, "ABOUT": about, "run": run, **more})


SCENARIOS = [
    _scenario(
        "rotate-certificate",
        "Two changes of key on a certificate link under traffic: no packet lost, none in clear, the association kept.",
        _certificate(QUICK),
        TAGS=("quick", "rotate"),
    ),
    _scenario(
        "rotate-psk",
        "Two new pair keys from the key service under traffic: no packet lost, none in clear, the association kept.",
        _psk(QUICK),
        TAGS=("quick", "rotate"),
    ),
    _scenario(
        "rotate-certificate-ten",
        "Ten changes of key on a certificate link under traffic.",
        _certificate(LONG),
        TAGS=("long", "rotate"),
        TIMEOUT=600,
    ),
    _scenario(
        "rotate-psk-ten",
        "Ten new pair keys under traffic.",
        _psk(LONG),
        TAGS=("long", "rotate"),
        TIMEOUT=900,
    ),
]
