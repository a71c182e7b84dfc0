"""X2 traffic between two nodes: numbered GTP-U both ways and an SCTP association, with the counts of both ends."""

import dataclasses
import json
import signal
import time

from . import process, programs


def _report(daemon):
    """The JSON object that x2traffic prints at its end."""
    for line in reversed(daemon.log.read_text(errors="replace").splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise process.Failed(f"no statistics of `{' '.join(daemon.argv)}`: {daemon.tail()}")


def _ready(daemon):
    return daemon.must_run() and "ready" in daemon.tail()


@dataclasses.dataclass(frozen=True)
class Totals:
    """Counts of a flow, both directions together. `lost` is by sequence number and holds the packets that a guard refused.
    `lost_by_sender`: of the one end, of the other."""

    attempted: int
    sent: int
    received: int
    lost: int
    refused: int
    duplicated: int
    longest_gap_ms: float
    sctp: dict
    lost_by_sender: tuple = (0, 0)

    @property
    def association_survived(self):
        return bool(self.sctp.get("survived")) and self.sctp.get("missing") == 0

    def __str__(self):
        sctp = (
            f"; SCTP {self.sctp['answered']}/{self.sctp['sent']} answered, {self.sctp['associations']} association(s), "
            f"{self.sctp['lost']} lost"
            if self.sctp
            else ""
        )
        return (
            f"GTP-U {self.sent} of {self.attempted} sent, {self.lost} lost, {self.refused} refused, "
            f"longest gap {self.longest_gap_ms:.0f} ms{sctp}"
        )


class Flow:
    """X2-U both ways, and X2-C where `sctp`, between address `one_address` of a node and `other_address` of another."""

    count = 0

    def __init__(self, one, one_address, other, other_address, rate=200, sctp=True, sctp_rate=20, deadline=300, size=100):
        """`size`: bytes of payload in a GTP-U packet."""
        Flow.count += 1
        self.label = f"traffic{Flow.count}"
        self.ends = ((one, one_address, other_address), (other, other_address, one_address))
        self.rate, self.sctp, self.sctp_rate, self.deadline, self.size = rate, sctp, sctp_rate, deadline, size
        self.gtpu, self.server, self.client = [], None, None

    def _begin(self, node, kind, mode, *options):
        return node.start(
            f"{self.label}-{kind}", programs.find("x2traffic"), mode, "--deadline", self.deadline, *options
        )

    def start(self, need_association=True, timeout=60):
        """Both ends listen, then both send. With `need_association` it waits until the SCTP association is up."""
        for node, here, there in self.ends:
            words = ["--local", here, "--remote", there, "--rate", self.rate, "--size", self.size, "--hold"]
            self.gtpu.append(self._begin(node, "gtpu", "gtpu", *words))
        (one, one_address, other_address), (other, *_) = self.ends
        if self.sctp:
            self.server = self._begin(other, "sctp-server", "sctp-server", "--local", other_address, "--linger", "0.2")
            process.until("x2traffic sctp-server", lambda: _ready(self.server), timeout)
            self.client = self._begin(
                one,
                "sctp-client",
                "sctp-client",
                "--local",
                one_address,
                "--remote",
                other_address,
                "--rate",
                self.sctp_rate,
                "--connect",
                self.deadline,
            )
        for each in self.gtpu:
            process.until("x2traffic gtpu", lambda e=each: _ready(e), timeout)
        if self.sctp and need_association:
            process.until("the SCTP association", lambda: _ready(self.client), timeout)
        for each in self.gtpu:
            each.send(signal.SIGUSR1)
        return self

    def run_for(self, seconds):
        """Lets it flow; Failed if a sender ends meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for each in self.gtpu:
                each.must_run()
            time.sleep(0.1)
        return self

    def stop(self):
        """Ends the flow; what is under way is still counted. Totals."""
        for each in [*self.gtpu, *([self.client] if self.client else [])]:
            each.send(signal.SIGTERM)
        for each in [*self.gtpu, *([self.client] if self.client else [])]:
            each.wait(20)
        if self.server:
            self.server.stop(20)
        one, other = (_report(each) for each in self.gtpu)
        attempted = one["attempted"] + other["attempted"]
        received = one["received"] + other["received"]
        return Totals(
            attempted,
            one["sent"] + other["sent"],
            received,
            attempted - received,
            one["refused"] + other["refused"],
            one["duplicated"] + other["duplicated"],
            max(one["longest_gap_ms"], other["longest_gap_ms"]),
            _report(self.client) if self.client else {},
            (one["attempted"] - other["received"], other["attempted"] - one["received"]),
        )


@dataclasses.dataclass(frozen=True)
class Attempted:
    """What became of an attempt to send X2: attempted, sent and refused X2-U packets, those that arrived, X2-C associations."""

    attempted: int
    sent: int
    refused: int
    arrived: int
    associations: int

    def __str__(self):
        return (
            f"X2-U: {self.refused} of {self.attempted} refused at the sender, {self.arrived} arrived; "
            f"X2-C: {self.associations} associations"
        )


def attempt(sender, local, remote, receiver=None, count=20, seconds=2):
    """Node `sender` tries X2-U and X2-C from `local` to `remote` for `seconds`. `receiver`: the node that listens there, if any."""
    Flow.count += 1
    label, binary = f"attempt{Flow.count}", programs.find("x2traffic")

    def begin(node, kind, *options):
        return node.start(f"{label}-{kind}", binary, *options, "--linger", "0.3", "--deadline", seconds + 30)

    ears = []
    if receiver is not None:
        ears = [
            begin(receiver, "gtpu-ear", "gtpu", "--local", remote, "--remote", local, "--rate", "0"),
            begin(receiver, "sctp-ear", "sctp-server", "--local", remote),
        ]
    for ear in ears:
        process.until("x2traffic listens", lambda e=ear: _ready(e), 30)
    mouths = [
        begin(
            sender, "gtpu", "gtpu", "--local", local, "--remote", remote, "--rate", count / seconds, "--count", count
        ),
        begin(
            sender, "sctp", "sctp-client", "--local", local, "--remote", remote, "--connect", seconds, "--count", "5"
        ),
    ]
    for each in mouths:
        each.wait(seconds + 40)
    for ear in ears:
        ear.stop(20)
    gtpu, sctp = (_report(each) for each in mouths)
    return Attempted(
        gtpu["attempted"],
        gtpu["sent"],
        gtpu["refused"],
        _report(ears[0])["received"] if ears else 0,
        max(sctp["associations"], _report(ears[1])["associations"] if ears else 0),
    )
