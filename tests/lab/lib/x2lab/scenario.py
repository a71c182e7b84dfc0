"""Scenarios: found in tests/lab/scenarios, run one after the other, each in a scene of its own."""

import contextlib
import dataclasses
import importlib.util
import json
import pathlib
import signal
import time
import traceback

from . import deep_chain, faults, process, scene, strongswan
from .story import Story

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "scenarios"
DEFAULT_TIMEOUT = 300


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`backhaul`: "kept" (same SPIs and it passes packets), "passes" (it does so again at the end), or "none".
    `needs`: what is fetched or made beforehand on the host, "strongswan" or "deep-chain"."""

    name: str
    about: str
    requirements: tuple
    tags: tuple
    nodes: tuple
    timeout: float
    backhaul: str
    needs: tuple
    run: object
    module: object

    def summary(self):
        return {"name": self.name, "about": self.about, "requirements": list(self.requirements)}


class TookTooLong(Exception):
    """The scenario's deadline is over."""


def _load(path):
    spec = importlib.util.spec_from_file_location(f"x2lab_scenario_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = []
    for part in getattr(module, "SCENARIOS", [module]):
        found.append(
            Scenario(
                part.NAME,
                part.ABOUT,
                tuple(part.REQUIREMENTS),
                tuple(getattr(part, "TAGS", ())),
                tuple(getattr(part, "NODES", scene.DEFAULT_NODES)),
                getattr(part, "TIMEOUT", DEFAULT_TIMEOUT),
                getattr(part, "BACKHAUL", "kept"),
                tuple(getattr(part, "NEEDS", ())),
                part.run,
                module,
            )
        )
    return found


def find_all():
    """All scenarios, by name. A name given twice is an error."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        for each in _load(path):
            if each.name in found:
                raise process.Failed(f"{path}: a scenario named {each.name} exists already")
            found[each.name] = each
    return found


def select(names, tag):
    """The scenarios asked for; Failed names what is not there."""
    known = find_all()
    if tag:
        return [s for s in known.values() if tag in s.tags]
    if list(names) == ["all"]:
        return list(known.values())
    missing = [n for n in names if n not in known]
    if missing:
        raise process.Failed(f"no scenario named {', '.join(missing)}; `lab list` shows all")
    return [known[n] for n in names]


def prepare(chosen, cache, tell):
    """Fetches what the scenarios need beyond packages and the usual material. On the host: the machine is slow, and has no network."""
    for need in sorted({need for each in chosen for need in each.needs}):
        {"strongswan": strongswan.fetch, "deep-chain": deep_chain.fetch}[need](cache, tell)


def _check_backhaul(chosen, stage, story):
    """Every scenario's last step: the tunnel that was there before came through."""
    if chosen.backhaul == "none":
        return
    for name in stage.henbs:
        spis = stage.backhaul_spis(name)
        passes = stage.backhaul_passes(name)
        kept = spis == stage.backhaul_before[name]
        seen = f"{'passes' if passes else 'does not pass'}, SPIs {' '.join(spis) or 'none'}{' as before' if kept else ' changed'}"
        story.step(f"backhaul of {name} unharmed", seen, passes and (kept or chosen.backhaul == "passes"))


def _alarm(*_):
    raise TookTooLong()


def _last_step(story, what, seen):
    with contextlib.suppress(faults.Found):
        story.step(what, seen, False)


def run_one(chosen, artefacts, credentials, tell, shown_artefacts=None, fault=None):
    """Runs one scenario and gives its result as MESSAGES has it. Never raises for what a scenario does.

    With a `fault` the result has two fields more: `fault`, and `unfound`, the failures that were wanted and did not come.
    """
    begun = time.monotonic()
    story = Story(chosen.name, tell, fault.steps if fault else ())
    patch = faults.Patches()
    artefacts = pathlib.Path(artefacts)
    artefacts.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, chosen.timeout)
    try:
        with scene.Scene(chosen.nodes, artefacts, credentials, lambda line: tell(f"{chosen.name}: {line}")) as stage:
            try:
                if fault:
                    fault.plant(stage, patch, chosen.module)
                chosen.run(stage, story)
                _check_backhaul(chosen, stage, story)
            except process.Failed as e:
                story.step("the scenario could be played to its end", e, False)
    except faults.Found:
        tell(f"{chosen.name}: every step that had to fail has failed")
    except TookTooLong:
        _last_step(story, f"ends within {chosen.timeout:g} s", "it did not")
    except Exception as e:  # noqa: BLE001 - a broken scenario is a failed scenario, the next one is run all the same
        (artefacts / "traceback.txt").write_text(traceback.format_exc())
        _last_step(story, "the scenario could be played to its end", f"{type(e).__name__}: {e}")
    finally:
        patch.undo()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    result = {
        "scenario": chosen.name,
        "ok": story.ok,
        "seconds": round(time.monotonic() - begun, 1),
        "steps": [dataclasses.asdict(s) for s in story.steps],
        "packets": story.packets,
        "artefacts": str(shown_artefacts or artefacts),
    }
    if fault:
        result |= {"fault": fault.name, "unfound": story.not_failed}
    (artefacts / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    if not fault:
        tell(f"{chosen.name}: {'passed' if story.ok else 'FAILED'} after {result['seconds']:.0f} s")
    return result
