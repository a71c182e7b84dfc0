"""pluto or x2secd dies under running traffic: nothing ever goes in clear, and the link comes back."""

import time
import types

from x2lab import layout, moves

COMMON = {"REQUIREMENTS": ("R16",), "TAGS": ("quick", "guard"), "NODES": ("a", "b")}


def _x2secd_killed(scene, story):
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    flow = moves.flow(scene).start().run_for(1)
    site["a"].kill()
    story.flow("x2secd of a killed: traffic goes on inside ESP", flow.run_for(3).stop())
    before = site["b"].link("a")["esp"]
    site["a"].start()
    link = site["a"].wait("b", "UP")
    story.step(
        "x2secd started again adopts what is there",
        f"spi_out {link['esp']['spi_out']}, b's inbound {before['spi_in']}",
        link["esp"]["spi_out"] == before["spi_in"],
    )
    moves.traffic_passes(scene, story, "traffic after the restart")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _pluto_killed(scene, story):
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    flow = moves.flow(scene).start().run_for(1)
    scene.plutos["a"].kill()
    story.flow("pluto of a killed: traffic goes on inside ESP", flow.run_for(3).stop())
    scene.plutos["a"].start()
    site["a"].wait("b", "UP", 90)
    site["b"].wait("a", "UP", 90)
    moves.traffic_passes(scene, story, "traffic after pluto came back", lost=None)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
    moves.restore_backhaul(scene, "a")


def _pluto_stopped(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    scene.plutos["a"].stop()
    scene["a"].ip("xfrm state flush", "xfrm policy flush")  # as Debian's ipsec.service does at its end
    moves.refused(scene, story, "pluto stopped and XFRM flushed: a sends nothing", "a", a.lan, b.lan, "b")
    story.step("the link is not said to be up", site["a"].state("b"), not str(site["a"].state("b")).startswith("UP"))
    scene.plutos["a"].start()
    site["a"].wait("b", "UP", 90)
    moves.traffic_passes(scene, story, "traffic after pluto came back")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
    moves.restore_backhaul(scene, "a")


def _x2secd_stopped(scene, story):
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    flow = moves.flow(scene).start().run_for(1)
    status = site["a"].stop()
    story.step("x2secd ends orderly on SIGTERM", f"exit {status}", status == 0)
    story.step("the guard stays", "table inet x2sec", moves.has_guard(scene, "a"))
    flow.run_for(2)
    site["a"].start()
    story.flow("x2secd stopped and started under traffic", flow.run_for(2).stop())
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _scenario(name, about, run, **more):
    return types.SimpleNamespace(**{**COMMON, "NAME": name, "ABOUT": about, "run": run, **more})


SCENARIOS = [
    _scenario(
        "x2secd-killed",
        "kill -9 of x2secd under traffic: no packet lost, none in clear; started again it adopts the link.",
        _x2secd_killed,
    ),
    _scenario(
        "x2secd-stopped",
        "x2secd stopped and started under traffic: guard and link stay, no packet lost.",
        _x2secd_stopped,
    ),
    _scenario(
        "pluto-killed",
        "kill -9 of pluto under traffic: ESP goes on, and the restarted pluto gets the link back.",
        _pluto_killed,
        BACKHAUL="passes",
    ),
    _scenario(
        "pluto-stopped",
        "pluto stopped and all XFRM flushed: X2 is refused, and the link comes back with pluto.",
        _pluto_stopped,
        BACKHAUL="passes",
    ),
]
