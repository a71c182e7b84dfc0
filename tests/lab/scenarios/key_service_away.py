"""The key service goes away and stays away: what is up lives on for a stated time, then nothing passes, until the service is back."""

import time

from x2lab import kernel, layout, moves, policy, process, product

NAME = "key-service-away"
ABOUT = "The key service is away past the key's end: SAs live on until max_sa_age, then the link is shut; it comes back by itself."
REQUIREMENTS = ("R49",)
TAGS = ("epoch", "outage")
NODES = ("a", "b")
TIMEOUT = 600
MAX_SA_AGE = 120
LATE = 20  # seconds for a daemon to see it, on this machine
ENDS = (("a", "b"), ("b", "a"))


def _holds_secret(scene, letter):
    path = scene[letter].path("/run/henb-x2sec/x2.secrets")
    return path.is_file() and " : PSK " in path.read_text()


def _last_error(site, letter, peer):
    return site[letter].link(peer)["last_error"] or ""


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = product.Site(scene, story.note)
    site.start_keydist(keys={"epoch_length": "30s"})
    site.start()
    site.push([policy.psk_only("ab", max_sa_age=f"{MAX_SA_AGE}s")]).introduce("a", "b")
    link = site.wait_up("a", "b", 90)
    begun = time.time()

    def changed():
        now = site["b"].link("a")
        return now["epoch"] != link["epoch"] and now["esp"] and now["esp"]["spi_out"] != link["esp"]["spi_out"]

    process.until("an epoch ends and the link has a new SA", changed, 120, every=0.5)
    authenticated = time.monotonic()
    site.keydist.kill()
    for letter, peer in ENDS:
        process.until(
            f"the key of {letter} has expired", lambda: "has expired" in _last_error(site, letter, peer), 120, every=0.5
        )
    for letter, peer in ENDS:
        story.step(
            f"{letter}: the key has ended and is withdrawn from pluto, the SA lives on",
            f"{site[letter].state(peer)}: {_last_error(site, letter, peer)}",
            site[letter].state(peer) == "UP_PSK"
            and "key service away since" in _last_error(site, letter, peer)
            and not _holds_secret(scene, letter),
        )
    moves.traffic_passes(scene, story, "traffic on the SA of before")
    site["a"].kill()
    site["a"].start().wait("b", "UP", 60)
    story.step("x2secd of a, killed and started again, keeps the SA", site["a"].state("b"), site["a"].state("b") == "UP_PSK")
    for letter, peer in ENDS:
        site[letter].wait(peer, "FAILED", MAX_SA_AGE + LATE)
    took = time.monotonic() - authenticated
    held = [s.spi for n, peer in (("a", b.lan), ("b", a.lan)) for s in kernel.states(scene[n]) if peer in (s.src, s.dst)]
    story.step(
        f"{MAX_SA_AGE} s after the last authentication the link is shut at both ends",
        f"{took:.0f} s; a: {_last_error(site, 'a', 'b')}; SAs left: {held}",
        took <= MAX_SA_AGE + LATE and not held and "has expired" in _last_error(site, "a", "b"),
    )
    moves.refused(scene, story, "a sends nothing to b", "a", a.lan, b.lan, "b")
    site.keydist.start()
    back = time.monotonic()
    site.wait_up("a", "b", 150)
    story.note(f"up again {time.monotonic() - back:.0f} s after the service")
    moves.traffic_passes(scene, story, "the service is back: traffic again")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
