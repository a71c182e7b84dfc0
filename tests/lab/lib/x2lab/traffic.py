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
    """Counts of a flow, both directions together. `lost` is by sequence number and holds the packets that a guard refused."""
    attempted: int
    sent: int
    received: int
    lost: int
    refused: int
    duplicated: int
    longest_gap_ms: float
    sctp: dict

    @property
    def association_survived(self):
        return bool(self.sctp.get("survived")) and self.sctp.get("missing") == 0

    def __str__(self):
        sctp = (f"; SCTP {self.sctp['answered']}/{self.sctp['sent']} answered, {self.sctp['associations']} association(s), "
                f"{self.sctp['lost']} lost" if self.sctp else "")
        return (f"GTP-U {self.sent} of {self.attempted} sent, {self.lost} lost, {self.refused} refused, "
                f"longest gap {self.longest_gap_ms:.0f} ms{sctp}")


class Flow:
    """X2-U both ways, and X2-C where `sctp`, between address `one_address` of a node and `other_address` of another."""

    count = 0

    def __init__(self, one, one_address, other, other_address, rate=200, sctp=True, sctp_rate=20, deadline=300):
        Flow.count += 1
        self.label = f"traffic{Flow.count}"
        self.ends = ((one, one_address, other_address), (other, other_address, one_address))
        self.rate, self.sctp, self.sctp_rate, self.deadline = rate, sctp, sctp_rate, deadline
        self.gtpu, self.server, self.client = [], None, None

    def _begin(self, node, kind, mode, *options):
        return node.start(f"{self.label}-{kind}", programs.find("x2traffic"), mode, "--deadline", self.deadline, *options)

    def start(self, need_association=True, timeout=60):
        """Both ends listen, then both send. With `need_association` it waits until the SCTP association is up."""
        for node, here, there in self.ends:
            self.gtpu.append(self._begin(node, "gtpu", "gtpu", "--local", here, "--remote", there, "--rate", self.rate, "--hold"))
        (one, one_address, other_address), (other, *_) = self.ends
        if self.sctp:
            self.server = self._begin(other, "sctp-server", "sctp-server", "--local", other_address, "--linger", "0.2")
            process.until("x2traffic sctp-server", lambda: _ready(self.server), timeout)
            self.client = self._begin(one, "sctp-client", "sctp-client", "--local", one_address, "--remote", other_address,
                                      "--rate", self.sctp_rate, "--connect", self.deadline)
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
        return Totals(attempted, one["sent"] + other["sent"], received, attempted - received, one["refused"] + other["refused"],
                      one["duplicated"] + other["duplicated"], max(one["longest_gap_ms"], other["longest_gap_ms"]),
                      _report(self.client) if self.client else {})


def probe_gtpu(node, local, remote, count=20, rate=100, **ports):
    """Sends `count` GTP-U packets and listens for a moment: the program's statistics. ports: port=, remote_port=."""
    options = [word for name, value in ports.items() for word in (f"--{name.replace('_', '-')}", value)]
    done = node.run(programs.find("x2traffic"), "gtpu", "--local", local, "--remote", remote, "--count", count, "--rate", rate,
                    "--linger", "0.3", "--deadline", "20", *options, timeout=40)
    return json.loads(done.out)


def probe_sctp(node, local, remote, seconds=3):
    """Tries for `seconds` to make an association on the X2-C port: the program's statistics."""
    done = node.run(programs.find("x2traffic"), "sctp-client", "--local", local, "--remote", remote, "--connect", seconds, "--count", "5",
                    "--linger", "0.3", "--deadline", seconds + 10, timeout=seconds + 30)
    return json.loads(done.out)


class Listener:
    """Counts the numbered GTP-U packets that reach `local` of a node: what got past a guard. `stop` gives the statistics."""

    def __init__(self, node, local, remote, **ports):
        options = [word for name, value in ports.items() for word in (f"--{name.replace('_', '-')}", value)]
        Flow.count += 1
        self.daemon = node.start(f"listener{Flow.count}", programs.find("x2traffic"), "gtpu", "--local", local, "--remote", remote,
                                 "--rate", "0", "--linger", "0.3", *options)
        process.until("x2traffic listens", lambda: _ready(self.daemon), 30)

    def stop(self):
        self.daemon.stop(20)
        return _report(self.daemon)
