"""Epochs of pair keys end, and nobody on the link notices."""

import time
import types

from x2lab import kernel, layout, moves, process

COMMON = {"REQUIREMENTS": ("R20", "R46"), "NODES": ("a", "b")}
QUICK, LONG = 2, 50
AHEAD = "5s"


def _epochs(site):
    return {letter: site[letter].link(peer)["epoch"] for letter, peer in (("a", "b"), ("b", "a"))}


def _outbound(scene, site):
    reqid = site["a"].link("b")["reqid"]
    return [s.spi for s in kernel.states(scene["a"]) if s.reqid == reqid and s.dst == layout.HENBS["b"].lan]


def _changes(times):
    def run(scene, story):
        site = moves.psk_only_pair(scene, story)
        begun = time.time()
        first = site["a"].link("b")
        spis = [first["esp"]["spi_out"]]
        flow = moves.flow(scene, deadline=3000).start().run_for(1)
        took = []
        for _ in range(times):
            epoch = _epochs(site)["a"] + 1
            started = time.monotonic()
            site.keydist.ctl("epoch", "advance", "--in", AHEAD)

            def on_the_new_one(wanted=epoch):
                link = site["a"].link("b")
                fresh = link["esp"] is not None and link["esp"]["spi_out"] not in spis
                return link if fresh and set(_epochs(site).values()) == {wanted} else None

            link = process.until(f"both ends use epoch {epoch}", on_the_new_one, 90, every=0.5)
            process.until("the old SA has gone", lambda s=link: _outbound(scene, site) == [s["esp"]["spi_out"]], 60, every=0.5)
            took.append(time.monotonic() - started)
            spis.append(link["esp"]["spi_out"])
            story.note(f"epoch {epoch} after {took[-1]:.1f} s: outbound SPI {spis[-2]} → {spis[-1]}")
        last = _epochs(site)
        story.step(
            f"{times} epochs further at both ends, each by a new SA",
            f"epoch {first['epoch']} → {last}, {len(set(spis))} SPIs, {min(took):.1f}–{max(took):.1f} s each",
            set(last.values()) == {first["epoch"] + times} and len(set(spis)) == times + 1,
        )
        story.flow(f"no packet lost in {times} epoch changes", flow.run_for(1).stop())
        moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)

    return run


def _scenario(name, about, times, **more):
    return types.SimpleNamespace(**{**COMMON, "NAME": name, "ABOUT": about, "run": _changes(times), **more})


SCENARIOS = [
    _scenario(
        "epoch-change",
        "Two epochs of the key service end under traffic: no packet lost, none in clear, the association kept.",
        QUICK,
        TAGS=("quick", "epoch"),
    ),
    _scenario(
        "epoch-change-fifty",
        "Fifty epochs end under traffic.",
        LONG,
        TAGS=("long", "epoch"),
        TIMEOUT=3000,
    ),
]
