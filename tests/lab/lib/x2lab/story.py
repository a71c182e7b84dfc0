"""What a scenario tells: its steps, each with what was seen, and the packets it counted."""

import dataclasses

from . import faults


@dataclasses.dataclass
class Step:
    what: str
    ok: bool
    seen: str


class Story:
    """Records steps; `tell` gets a line for each as it happens."""

    def __init__(self, name, tell=lambda line: None, wanted_failures=()):
        """`wanted_failures`: faults.Found is raised when a failed step's line has held each of these."""
        self.name = name
        self._wanted = set(wanted_failures)
        self.steps = []
        self.packets = {"sent": 0, "lost": 0, "clear": 0}
        self._tell = tell

    def step(self, what, seen, ok):
        """One thing that was to be shown. Returns `ok`, so that a scenario can stop where going on makes no sense."""
        self.steps.append(Step(what, bool(ok), str(seen)))
        self._tell(f"{self.name}: {'ok  ' if ok else 'FAIL'} {what} ({seen})")
        if not ok and self._wanted:
            self._wanted = {each for each in self._wanted if each not in f"{what} ({seen})"}
            if not self._wanted:
                raise faults.Found()
        return bool(ok)

    @property
    def not_failed(self):
        """Those of `wanted_failures` that no failed step has held yet."""
        return sorted(self._wanted)

    def note(self, text):
        """Progress only."""
        self._tell(f"{self.name}: {text}")

    def __call__(self, text):
        """A story can be told to, as progress."""
        self.note(text)

    live = note

    def count(self, sent=0, lost=0, clear=0):
        """Adds to the packets of the scenario."""
        for name, value in (("sent", sent), ("lost", lost), ("clear", clear)):
            self.packets[name] += value

    def flow(self, what, totals, lost=0, association=True):
        """A step out of a flow's Totals: no more than `lost` packets (None: any number), and the association kept where it had one."""
        self.count(sent=totals.attempted, lost=totals.lost)
        kept = totals.association_survived if association and totals.sctp else True
        return self.step(
            what,
            totals,
            totals.attempted > 0 and totals.received > 0 and (lost is None or totals.lost <= lost) and kept,
        )

    def wire(self, what, seen, wanted):
        """A step out of a capture's Seen: its verdict must be `wanted` (ESP, CLEAR or NOTHING)."""
        if wanted != "CLEAR":
            self.count(clear=seen.clear)
        return self.step(what, f"{seen.verdict}: {seen}", seen.verdict == wanted)

    @property
    def ok(self):
        return bool(self.steps) and all(s.ok for s in self.steps)
