"""An epoch ends while something else goes wrong: the key service starts anew, or one of the HeNBs, or a clock is off."""

import time
import types

from x2lab import kernel, layout, moves, process

COMMON = {"REQUIREMENTS": ("R20", "R46", "R54"), "NODES": ("a", "b"), "TIMEOUT": 600}
AHEAD = "10s"
KNOWN_AHEAD, TIMEOUT_CLOCKS = 60, 1200  # seconds
CLOCKS = (("a", 86400, 1.2), ("a", 86400, 0.8), ("b", 86400, 1.2), ("b", 86400, 0.8))
UP_AGAIN = 90  # seconds from x2secd's start, on this machine


def _epochs(site):
    return [(site[letter].link(peer) or {}).get("epoch") for letter, peer in (("a", "b"), ("b", "a"))]


def _outbound(scene, site):
    reqid = site["a"].link("b")["reqid"]
    return [s.spi for s in kernel.states(scene["a"]) if s.reqid == reqid and s.dst == layout.HENBS["b"].lan]


def _on_a_new_sa(scene, site, epoch, before):
    def seen():
        link = site["a"].link("b")
        spi = link["esp"]["spi_out"] if link["esp"] else before
        return spi if spi != before and _epochs(site) == [epoch, epoch] and _outbound(scene, site) == [spi] else None

    return process.until(f"both ends use epoch {epoch} on one new SA", seen, 150, every=0.5)


def _server_restarts(scene, story):
    site = moves.psk_only_pair(scene, story)
    begun = time.time()
    flow = moves.flow(scene, deadline=COMMON["TIMEOUT"]).start().run_for(1)
    for what, end in (("killed before the keys are fetched ahead", site.keydist.kill), ("stopped, as for an upgrade", site.keydist.stop)):
        link = site["a"].link("b")
        site.keydist.ctl("epoch", "advance", "--in", AHEAD)
        end()
        site.keydist.start()
        spi = _on_a_new_sa(scene, site, link["epoch"] + 1, link["esp"]["spi_out"])
        story.step(
            f"the server is {what} in the middle: the epoch changes all the same",
            f"epoch {link['epoch']} → {_epochs(site)}, outbound SPI {link['esp']['spi_out']} → {spi}",
            True,
        )
    story.flow("no packet lost", flow.run_for(1).stop())
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _reboot(scene, site, letter):
    """What a reboot leaves: nothing in memory (programs, kernel state, /run), and the early unit has shut the guard again."""
    node = scene[letter]
    site[letter].kill()
    scene.plutos[letter].kill()
    node.ip("xfrm state flush", "xfrm policy flush")
    for left in node.path("/run/henb-x2sec").iterdir():
        left.unlink()
    site[letter].guard_up()


def _henb_reboots(scene, story):
    b = layout.HENBS["b"]
    site = moves.psk_only_pair(scene, story)
    before = site["a"].link("b")
    moves.traffic_passes(scene, story, "traffic before")
    begun = time.time()
    site.keydist.ctl("epoch", "advance", "--in", AHEAD)
    _reboot(scene, site, "b")
    moves.refused(scene, story, "b has just booted: nothing leaves it", "b", b.lan, layout.HENBS["a"].lan, "a")
    moves.restore_backhaul(scene, "b")
    started = time.monotonic()
    site["b"].start()
    site.wait_up("a", "b", UP_AGAIN)
    took = time.monotonic() - started
    story.step(
        f"up again within {UP_AGAIN} s of x2secd's start, on the new epoch",
        f"{took:.0f} s, epoch {before['epoch']} → {_epochs(site)}",
        process.until("both ends use the new epoch", lambda: _epochs(site) == [before["epoch"] + 1] * 2, 60, every=0.5),
    )
    moves.traffic_passes(scene, story, "traffic afterwards")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _clock_off(scene, story):
    """The bound of docs/epoch-search.md: a fifth of the time that an epoch's end is known ahead; the calendar does not matter at all."""
    site = moves.psk_only_pair(scene, story)
    begun = time.time()
    flow = moves.flow(scene, deadline=TIMEOUT_CLOCKS).start().run_for(1)
    for letter, ahead, rate in CLOCKS:
        site[letter].restart_with_clock(ahead, rate)
        link = process.until("the link is up", lambda: _up(site), 60, every=0.5)
        site.keydist.ctl("epoch", "advance", "--in", f"{KNOWN_AHEAD}s")
        started = time.monotonic()
        _on_a_new_sa(scene, site, link["epoch"] + 1, link["esp"]["spi_out"])
        took = time.monotonic() - started - KNOWN_AHEAD
        site[letter].restart_with_clock(ahead)  # the day stays: a calendar that goes back is held (clock-hold)
        story.step(
            f"the clock of {letter}: a day ahead, and {'gaining' if rate > 1 else 'losing'} {abs(rate - 1) * 60:.0f} s a minute",
            f"epoch {link['epoch']} → {_epochs(site)}, on the new SA {took:.0f} s after its activation at the server",
            took <= KNOWN_AHEAD,
        )
    story.flow("no packet lost", flow.run_for(1).stop())
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _up(site):
    links = [site[letter].link(peer) for letter, peer in (("a", "b"), ("b", "a"))]
    return links[0] if all(link and link["state"] == "UP_PSK" and link["esp"] for link in links) else None


SCENARIOS = [
    types.SimpleNamespace(
        **{**COMMON, "TIMEOUT": TIMEOUT_CLOCKS},
        NAME="epoch-change-clock-off",
        ABOUT="One end's clock is a day ahead and gains or loses a fifth, at the lower and at the higher identity: epochs change, no packet lost.",
        TAGS=("epoch", "clock"),
        run=_clock_off,
    ),
    types.SimpleNamespace(
        **COMMON,
        NAME="epoch-change-server-restarts",
        ABOUT="The key service is killed, and stopped, in the middle of an epoch's change and starts anew: no packet lost, none in clear.",
        TAGS=("epoch",),
        run=_server_restarts,
    ),
    types.SimpleNamespace(
        **COMMON,
        NAME="epoch-change-henb-reboots",
        ABOUT="A HeNB reboots in the middle of an epoch's change: up again within a stated time on the new key, nothing in clear.",
        TAGS=("epoch",),
        BACKHAUL="passes",
        run=_henb_reboots,
    ),
]
