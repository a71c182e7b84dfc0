"""Somebody else flushes nftables, or XFRM: one belt holds while the other is put back."""

import re
import time
import types

from x2lab import kernel, layout, moves, process

COMMON = {"REQUIREMENTS": ("R16",), "TAGS": ("quick", "guard"), "NODES": ("a", "b")}
RESTORED_WITHIN = 1.0
RUNS_OF_NFT = 4  # two of x2secd (look, put back), one of ours under way, one to see it; slow under emulation


def _nft(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    flow = moves.flow(scene).start().run_for(1)
    one_look = moves.seconds_until(lambda: moves.has_guard(scene, "a"), "the guard's table is there", 20)
    scene["a"].run("nft", "flush", "ruleset")
    took = moves.seconds_until(lambda: moves.has_guard(scene, "a"), "the guard's table is back", 20)
    story.step(
        "the table is back within a second",
        f"{took:.2f} s, of which a run of nft takes {one_look:.2f} s on this machine",
        took <= RESTORED_WITHIN + RUNS_OF_NFT * one_look,
    )
    log = site["a"].daemon
    process.until("the alarm", lambda: "level=alarm event=guard.table_restored" in log.tail(200000), 20)
    story.step("an alarm in the log", "guard.table_restored", True)
    story.flow("the link's own traffic never stopped", flow.run_for(2).stop())
    site["a"].kill()
    scene["a"].run("nft", "flush", "ruleset")
    story.step("with x2secd dead the table stays away", "no table", not moves.has_guard(scene, "a"))
    moves.refused(scene, story, "the second belt alone holds: nothing to a stranger", "a", a.lan, "10.9.0.99")
    moves.refused(scene, story, "nor to b on another wire", "a", a.wan, b.wan, "b")
    site["a"].start()
    story.step("x2secd puts the table back at its start", "table inet x2sec", moves.has_guard(scene, "a"))
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _own_policies(scene, letter):
    """How many kernel policies of x2secd a HeNB has: (pinned to an SPI, blocking)."""
    found = [p for p in kernel.policies(scene[letter]) if "tmpl" in p or "action block" in p]
    pins = [p for p in found if re.search(r"spi 0x(?!0{8})", p)]
    return len(pins), len([p for p in found if "action block" in p])


def _flush_xfrm(scene):
    scene["a"].ip("xfrm state flush", "xfrm policy flush")


def _xfrm(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    site = moves.certificate_pair(scene, story)
    begun = time.time()
    before = _own_policies(scene, "a")
    story.step("pins and belt are there", f"{before[0]} pinned, {before[1]} blocking", before[0] > 0 and before[1] > 0)
    flow = moves.flow(scene).start().run_for(1)
    _flush_xfrm(scene)
    flow.run_for(1)
    story.note(f"the flow that was flushed away: {flow.stop()}")
    site["a"].wait("b", "UP", 90)
    site["b"].wait("a", "UP", 90)
    process.until("pins and belt are back", lambda: _own_policies(scene, "a") == before, 60)
    story.step("the link is up again, pins and belt are back", "{} pinned, {} blocking".format(*before), True)
    moves.traffic_passes(scene, story, "traffic on the link that came back")
    site["a"].kill()
    _flush_xfrm(scene)
    story.step("with x2secd dead XFRM stays empty", "no policy of x2secd", _own_policies(scene, "a") == (0, 0))
    moves.refused(scene, story, "the guard alone holds: nothing to a stranger", "a", a.lan, "10.9.0.99")
    moves.refused(scene, story, "nor to b", "a", a.lan, b.lan, "b")
    site["a"].start().wait("b", "UP", 90)
    site["b"].wait("a", "UP", 90)
    process.until("pins and belt are back", lambda: _own_policies(scene, "a") == before, 60)
    moves.traffic_passes(scene, story, "x2secd started again: the link, its pins and the belt are back")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
    moves.restore_backhaul(scene, "a")


SCENARIOS = [
    types.SimpleNamespace(
        NAME="foreign-nft-flush",
        run=_nft,
        **COMMON,
        ABOUT="`nft flush ruleset` by somebody else: back within a second with an alarm; without x2secd the second belt.",
    ),
    types.SimpleNamespace(
        NAME="foreign-xfrm-flush",
        run=_xfrm,
        BACKHAUL="passes",
        **COMMON,
        ABOUT="All XFRM states and policies flushed by somebody else: the guard holds and the link comes back.",
    ),
]
