"""The key service is three replicas over three members of etcd, and everything happens to them that happens to such things."""

import sys
import time

from x2lab import layout, moves, policy, process, product, programs, replicas

sys.path.insert(0, str(programs.TOP / "tests/support"))
import keydist_protos  # noqa: E402

NAME = "etcd-replicas"
ABOUT = "Three replicas over etcd: leader killed, minority cut off, majority lost, disk slow, a clock wrong: never two keys, back in seconds, links carry on."
REQUIREMENTS = ("R49", "R45", "R54")
TAGS = ("etcd", "long")
NODES = ("a", "b", *layout.REPLICAS)
TIMEOUT = 1800
EPOCH, EPOCHS = 100, 3  # seconds of one, and how many are seen at least
BACK = 45  # seconds until all replicas hand out keys again, on this machine; 10 on a real one (tests/conformance/keydist_replicas)
QUIET = replicas.SILENCE + 20  # seconds until a replica without word from most members has stopped, on this machine


def _pair(scene, story, cluster):
    """a asks r1, b asks r2: a–b by the key of the pair."""
    site = product.Site(scene, story.note)
    site.keydist = cluster.servers["r1"]
    for letter, replica in (("a", "r1"), ("b", "r2")):
        address = f"{layout.REPLICAS[replica][0]}:{layout.KEYDIST_PORT}"
        site.x2secd[letter] = product.X2secd(scene, letter, keydist={"address": address})
        site[letter].guard_up().begin()
    for letter in "ab":
        site[letter].wait_ready()
    site.push([policy.psk_only("ab")]).introduce("a", "b")
    link = site.wait_up("a", "b", 120)
    story.step("a–b is up by PSK, each with another replica", f"{link['state']}, epoch {link['epoch']}", link["state"] == "UP_PSK")
    return site


class Play:
    def __init__(self, scene, story, cluster, recorder):
        self.scene, self.story, self.cluster, self.recorder = scene, story, cluster, recorder

    def back(self, what, names=None):
        """A step: these replicas (all) hand out keys again, within BACK seconds from now."""
        names, since = names or self.cluster.names, time.monotonic()
        try:
            process.until(what, lambda: self.recorder.all_serve(names, since), BACK + 30, every=1)
        except process.Failed:
            said = {n: self.recorder.answers(n, since) for n in names}
            return self.story.step(what, f"not within {BACK + 30} s: {said}", False)
        took = time.monotonic() - since
        return self.story.step(what, f"{took:.0f} s", took <= BACK)

    def stopped(self, what, names, why):
        """A step: these replicas hand out nothing any more, and say why."""

        def quiet():
            since = time.monotonic()
            time.sleep(6)
            seen = {n: self.recorder.answers(n, since) for n in names}
            return seen if all(not keys and refused and why in said for keys, refused, said in seen.values()) else None

        seen = process.until(what, quiet, QUIET, every=0.1)
        self.story.step(what, seen, True)

    def change(self, what, at):
        """A step: the operator's change is made, within BACK seconds."""
        begun = time.monotonic()
        rotated = layout.HENBS["f"].id
        process.until(what, lambda: self.cluster.servers[at].ctl("rotate", rotated, check=False, timeout=40).status == 0, BACK + 60, every=1)
        self.story.step(what, f"{time.monotonic() - begun:.0f} s", time.monotonic() - begun <= BACK)


def _leader_killed(play):
    leader = process.until("a leader", play.cluster.leader, 60, every=1)
    play.cluster.members[leader].kill()
    others = [n for n in play.cluster.names if n != leader]
    play.back(f"leader {leader} killed: all replicas hand out keys")
    play.change(f"leader {leader} killed: an operator's change is made", others[0])
    play.cluster.members[leader].begin()
    process.until("a leader", play.cluster.leader, 60, every=1)


def _minority_cut_off(play):
    leader = process.until("a leader", play.cluster.leader, 60, every=1)
    others = [n for n in play.cluster.names if n != leader]
    with play.cluster.cut(leader):
        play.back(f"{leader}, which led, is cut off: the others hand out keys", others)
        play.change(f"{leader} cut off: an operator's change is made at the others", others[0])
        play.stopped(f"{leader} cut off: it hands out nothing", [leader], "no word from etcd")
    play.back("the cut is mended: all hand out keys")


def _majority_lost(play):
    with play.cluster.cut(*play.cluster.names):
        play.stopped("all cut off from each other: nobody hands out anything", play.cluster.names, "no word from etcd")
        refused = play.cluster.servers["r1"].ctl("rotate", layout.HENBS["f"].id, check=False, timeout=90)
        play.story.step("and nothing can be changed", refused.err.strip()[-160:], refused.status != 0)
    play.back("the majority is back: all hand out keys")


def _disk_slow(play):
    leader = process.until("a leader", play.cluster.leader, 60, every=1)
    disk = play.cluster.members[leader].disk
    disk.slow(1500)
    try:
        play.back(f"the disk of {leader}, which leads, takes 1.5 s for each write: all hand out keys")
        play.change("the disk is slow: an operator's change is made", next(n for n in play.cluster.names if n != leader))
    finally:
        disk.slow(0)


def _clock_wrong(play):
    server = play.cluster.servers["r3"]
    server.stop()
    server.clock = (3600, 1.0)
    server.begin()
    play.stopped("r3 starts with a clock that is an hour ahead: it hands out nothing", ["r3"], "clock")
    play.back("the others go on", ["r1", "r2"])
    server.stop()
    server.clock = None
    server.begin()
    play.back("the clock is right: all hand out keys")


def run(scene, story):
    cluster = replicas.Replicas(scene, keys={"epoch_length": f"{EPOCH}s"}).start()
    cluster.register("abf")
    story.step("three members, three replicas", f"{cluster.leader()} leads", True)
    site = _pair(scene, story, cluster)
    recorder = replicas.Recorder(scene, keydist_protos.generate(programs.TOP, scene.artefacts / "protos"), "ab")
    play = Play(scene, story, cluster, recorder)
    begun = time.time()
    play.back("the recorder gets keys of all three")
    flow = moves.flow(scene, rate=100, deadline=TIMEOUT).start().run_for(1)
    for what in (_leader_killed, _minority_cut_off, _majority_lost, _disk_slow, _clock_wrong):
        what(play)
    first = site["a"].link("b")["epoch"]
    process.until(
        "both ends go on to the newest epoch, the third or later",
        lambda: {site["a"].link("b")["epoch"], site["b"].link("a")["epoch"]} == {max(recorder.epochs())} and max(recorder.epochs()) >= EPOCHS,
        (EPOCHS + 1) * EPOCH,
        every=2,
    )
    conflicts, keys = recorder.conflicts()
    story.step(
        "never two keys for one pair, epoch, generations and purpose, whoever was asked",
        f"{keys} different keys of epochs {sorted(recorder.epochs())}, {len(recorder.lines())} answers; {conflicts or 'no conflict'}",
        not conflicts and keys >= 2 * EPOCHS and len(recorder.epochs()) >= EPOCHS,
    )
    story.note(f"epoch of a–b at the end of all that: {first}")
    story.flow("a–b carried on: no packet lost, the association kept", flow.run_for(1).stop())
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
