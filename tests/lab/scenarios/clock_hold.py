"""A clock that is wrong: in 1970, and twenty years ahead."""

import pathlib
import time

from x2lab import layout, moves, policy, process, product, revocation

NAME = "clock-hold"
ABOUT = "The clock at 1970, then 20 years ahead: nothing new is opened, what runs goes on without a new key until max_sa_age; right again: all as before."
REQUIREMENTS = ("R57", "R16")
TAGS = ("clock",)
NODES = ("a", "b")
TIMEOUT = 800
A, B, E = (layout.HENBS[n] for n in "abe")
AGE = 240  # seconds, max_sa_age: more than the first part takes on a busy machine
NEVER, LATER = "1970-01-02 00:00:00", 20 * 365 * 86400


class Clock:
    """The machine's clock, for all nodes. It is right again at the end."""

    def __init__(self):
        if not pathlib.Path("/run/x2lab").is_dir():
            raise process.Failed("this sets the clock: it is played in the lab's machine only (--vm always)")
        self.real, self.steady = time.time(), time.monotonic()

    def now(self):
        return self.real + time.monotonic() - self.steady

    def set(self, words):
        process.run(["date", "-u", "-s", words])

    def right(self):
        self.set(f"@{self.now():.3f}")


def _says(x2secd, event, count):
    """Waits until the log of x2secd has an event so often."""
    process.until(event, lambda: len(revocation.events(x2secd.daemon, event)) >= count, 30, 0.3)


def _wanted(site, other):
    told = site["a"].json("explain", layout.HENBS[other].id)
    return told["outcome"], told["reason"]


def _held(story, site, what, spi, why):
    """Steps: nothing new is decided, the link that is up stays, with the SA it has."""
    outcome, reason = _wanted(site, "e")
    story.step(f"{what}: a new neighbour is blocked", f"{site['a'].state('e')}: {reason}", outcome == "BLOCK" and why in reason and site["a"].state("e") == "BLOCKED")
    link = site["a"].link("b")
    story.step(f"{what}: the link that is up stays", f"{link['state']}, {link.get('last_error')}", link["state"] == "UP_CERT" and link["esp"]["spi_out"] == spi)
    done = site["a"].ctl("rotate", B.id, "--timeout", "30s", timeout=60, check=False)
    story.step(f"{what}: no new key is made", done.err.strip()[-200:], done.status != 0 and site["a"].link("b")["esp"]["spi_out"] == spi)


def run(scene, story):
    clock = Clock()
    try:
        _play(scene, story, clock)
    finally:
        clock.right()


def _play(scene, story, clock):
    site = product.Site(scene, story.note).start("ab")
    site.push([policy.certificates("abe", max_sa_age=f"{AGE}s")]).introduce("a", "b")
    site.wait_up("a", "b")
    flow = moves.flow(scene, rate=50, deadline=700).start().run_for(1)
    spi = site["a"].link("b")["esp"]["spi_out"]
    clock.set(NEVER)
    for letter in "ab":
        _says(site[letter], "clock.below_floor", 1)
    story.step("1970: both say so", "clock.below_floor", True)
    site["a"].add_neighbour("e")
    _held(story, site, "1970", spi, "clock")
    clock.right()
    for letter in "ab":
        _says(site[letter], "clock.sane", 1)
    process.until("e is decided anew", lambda: _wanted(site, "e")[0] == "CERT" and site["a"].state("e") != "BLOCKED", 30, 0.5)
    story.step("the clock is right: the new neighbour is decided", str(_wanted(site, "e")), True)
    process.until("a new key proves that the peer is still good", lambda: _spi(site) not in (None, spi), 60, 0.5)
    link = site["a"].link("b")
    story.step("the clock is right: a new key at once, as proof of life", f"{spi} → {link['esp']['spi_out']}", link["state"] == "UP_CERT")
    spi = link["esp"]["spi_out"]
    clock.set(f"@{clock.now() + LATER:.0f}")
    process.until("e is blocked", lambda: site["a"].state("e") == "BLOCKED", 30, 0.5)
    _held(story, site, "20 years ahead", spi, "expired")
    story.flow("nothing of what ran was lost in either", flow.run_for(1).stop())
    down = moves.seconds_until(lambda: site["a"].state("b") == "BLOCKED", "the link has reached its age", AGE + 30, 1)
    story.step(f"20 years ahead: at {AGE} s of age the link goes", f"{site['a'].state('b')} {down:.0f} s later", True)
    moves.refused(scene, story, "nothing passes any more", "a", A.lan, B.lan, "b")
    clock.right()
    link = site.wait_up("a", "b", 60)
    story.step("the clock is right: up again", link["state"], link["state"] == "UP_CERT")
    clock.set(f"@{clock.now() + LATER:.0f}")
    site["a"].stop()
    clock.right()
    site["a"].start()
    doctor = site["a"].ctl("doctor", check=False).out
    told = [line for line in doctor.splitlines() if "clock" in line]
    story.step("a clock that was saved as ahead holds, and doctor says how to get out", told, _wanted(site, "e")[0] == "BLOCK" and "clock-floor" in doctor)
    scene["a"].path("/var/lib/henb-x2sec/clock-floor").unlink()
    site["a"].stop()
    site["a"].start()
    link = site.wait_up("a", "b", 60)
    story.step("as it says, the file deleted and x2secd restarted: up", link["state"], link["state"] == "UP_CERT")
    moves.traffic_passes(scene, story, "traffic")
    moves.nothing_clear(scene, story, "nothing in clear at any time")


def _spi(site):
    return (site["a"].link("b").get("esp") or {}).get("spi_out")
