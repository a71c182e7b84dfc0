"""Both ends of a link start at the same instant."""

import contextlib
import re
import threading
import time
import types

from x2lab import kernel, layout, moves, policy, process, product

COMMON = {"REQUIREMENTS": ("R22",), "NODES": ("a", "b")}
QUICK, LONG = 2, 10
CALM = 10  # seconds in which nothing may change once there is one SA each
ONE_EACH = [("a", "in"), ("a", "out"), ("b", "in"), ("b", "out")]


def at_once(*actions):
    """Calls them from threads of their own, all let go together; raises what one of them raised."""
    gate, errors = threading.Barrier(len(actions)), []

    def run(action):
        gate.wait()
        try:
            action()
        except process.Failed as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(each,)) for each in actions]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if errors:
        raise errors[0]


def _sas(scene):
    """(end, direction, SPI) of each SA of the link that the two kernels hold."""
    found = []
    for end, peer in ("ab", "ba"):
        here, there = layout.HENBS[end].lan, layout.HENBS[peer].lan
        for state in kernel.states(scene[end]):
            if {state.src, state.dst} == {here, there}:
                found.append((end, "out" if state.dst == there else "in", state.spi))
    return sorted(found)


def _one_each(scene, site):
    sas = _sas(scene)
    if [s[:2] for s in sas] != ONE_EACH:
        raise process.Failed(f"SAs: {[' '.join(s) for s in sas]}")
    up = all(str(site[end].state(peer)).startswith("UP") for end, peer in ("ab", "ba"))
    return sas if up and sas[0][2] == sas[3][2] and sas[1][2] == sas[2][2] else None


def _by_neighbour(scene, site):
    """Each gets the other as its neighbour, for the first time."""
    for end, peer in ("ab", "ba"):
        site[end].ctl("neighbour", "remove", layout.HENBS[peer].id, check=False)
    process.until("no SA of the link is left", lambda: not _sas(scene), 60, every=0.3)
    at_once(lambda: site["a"].add_neighbour("b"), lambda: site["b"].add_neighbour("a"))


def _by_start(scene, site):
    """x2secd starts at both, after a night in which pluto has forgotten the link."""
    for end in "ab":
        site[end].stop()
        for name in set(re.findall(r'"(x2-[^"]+)"', scene.plutos[end].whack("--status").out)):
            scene.plutos[end].whack("--delete", "--name", name)
    begun = [site[end].begin() for end in "ab"]  # from this thread: with it they would end
    for each in begun:
        each.wait_ready()


def _by_pluto(scene, site):
    """Both plutos are told to start the connection, whatever there is: two attempts that cross."""
    if not all(site[end].state(peer) for end, peer in ("ab", "ba")):
        at_once(lambda: site["a"].add_neighbour("b"), lambda: site["b"].add_neighbour("a"))
    _one_of(scene, site)

    names = {end: sorted(set(re.findall(r'"(x2-[^"]+)"', scene.plutos[end].whack("--status").out))) for end in "ab"}

    def initiate(end):
        for name in names[end]:
            # Where the two cross, pluto may lose its exchange, and whack waits for it in spite of --asynchronous.
            with contextlib.suppress(process.Failed):
                scene.plutos[end].whack("--initiate", "--asynchronous", "--name", name, timeout=10)

    at_once(lambda: initiate("a"), lambda: initiate("b"))


def _one_of(scene, site):
    process.until("one SA each way at both ends", lambda: _one_each(scene, site), 90, every=0.5)


KINDS = (("neighbours at once", _by_neighbour), ("x2secds at once", _by_start), ("plutos at once", _by_pluto))


def _play(rounds):
    def run(scene, story):
        # The higher identity steps in as early as it may, so that the two really meet.
        site = product.Site(scene, story.note).start("ab", timers={"takeover": "1s"})
        site.push([policy.certificates("ab")])
        begun = time.time()
        for number in range(rounds):
            kind, start = KINDS[number % len(KINDS)]
            started = time.monotonic()
            start(scene, site)
            _one_of(scene, site)
            took = time.monotonic() - started
            settled = _one_each(scene, site)
            time.sleep(CALM)
            later = _sas(scene)
            story.step(
                f"{number + 1}: {kind}: one SA each way, the same {CALM} s later",
                f"after {took:.1f} s {' '.join(s[2] for s in settled)}, later {' '.join(s[2] for s in later)}",
                settled == later,
            )
        moves.traffic_passes(scene, story, "the link carries traffic")
        moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)

    return run


SCENARIOS = [
    types.SimpleNamespace(
        **COMMON,
        NAME="both-start",
        ABOUT="Both ends start at the same instant, twice: one SA each way in the end, and it stays.",
        TAGS=("start",),
        run=_play(QUICK),
    ),
    types.SimpleNamespace(
        **COMMON,
        NAME="both-start-ten",
        ABOUT="Both ends start at the same instant, ten times, in three ways: one SA each way in the end, and it stays.",
        TAGS=("long", "start"),
        TIMEOUT=900,
        run=_play(LONG),
    ),
]
