"""The lab's command line. Decides where to run: here, or in the virtual machine when the running kernel lacks ESP or SCTP."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import time

from . import demo, faults, material, process, programs, progress, scenario, scene

LAB = pathlib.Path(__file__).resolve().parents[2] / "lab"
KEPT_RUNS = 20
USAGE = 2
NO_LAB = 125
PASSED_ON = ("LANG", "TERM", "X2SEC_BIN")


def _parser():
    parser = argparse.ArgumentParser(
        prog="lab", description="Real pluto, kernel ESP, SCTP and GTP-U in network namespaces."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, about, played=True):
        made = commands.add_parser(name, help=about, description=about)
        if played:
            made.add_argument(
                "--vm",
                choices=("auto", "always", "never"),
                default="auto",
                help="in a virtual machine: auto = where the running kernel does not suffice",
            )
            made.add_argument(
                "--artefacts", type=pathlib.Path, help="folder for captures and logs (default: build/lab/runs/…)"
            )
            made.add_argument("--shown-artefacts", help=argparse.SUPPRESS)
            made.add_argument("--live", action="store_true", help=argparse.SUPPRESS)
        return made

    listing = command("list", "Names the scenarios.", played=False)
    listing.add_argument("--json", action="store_true")
    run = command("run", "Runs scenarios: names, `all`, or those with a tag.")
    run.add_argument("names", nargs="*", metavar="NAME")
    run.add_argument("--tag")
    run.add_argument("--json", action="store_true")
    run.add_argument("--timeout", type=float, default=3600, help="seconds for everything")
    plant = command("plant", "Plays scenarios with a fault each: a scenario that does not fail at its steps is found out.")
    plant.add_argument("names", nargs="*", metavar="NAME", help="faults, scenarios, or `all`")
    plant.add_argument("--list", action="store_true", help="names the faults")
    plant.add_argument("--json", action="store_true")
    plant.add_argument("--timeout", type=float, default=7200, help="seconds for everything")
    show = command("demo", "Five neighbours of a HeNB treated in the five ways, with captures as proof.")
    show.add_argument("--json", action="store_true")
    show.add_argument("--timeout", type=float, default=900)
    up = command("up", "Leaves the scene running, with a prompt in it.")
    up.add_argument("nodes", nargs="*", metavar="NODE", help="default: a b c d e f ca oam")
    up.add_argument("--bare", action="store_true", help="without the product's daemons")
    up.add_argument("--timeout", type=float, default=86400, help=argparse.SUPPRESS)
    return parser


def _list(given):
    summaries = [s.summary() for s in scenario.find_all().values()]
    if given.json:
        print(json.dumps(summaries, indent=1))
        return 0
    for each in summaries:
        print(
            f"{each['name']:<34} {each['about']} {'[' + ' '.join(each['requirements']) + ']' if each['requirements'] else ''}"
        )
    return 0


def _artefact_folder(given):
    if given.artefacts:
        given.artefacts.mkdir(parents=True, exist_ok=True)
        return given.artefacts.resolve()
    runs = programs.CACHE / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for old in sorted(runs.iterdir(), key=lambda p: p.stat().st_mtime)[:-KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
    what = "-".join([given.command, *(getattr(given, "names", None) or [getattr(given, "tag", None) or "x"])[:1]])
    folder = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{what.removesuffix('-x')}-{os.getpid()}"
    folder.mkdir()
    return folder


def _machine_memory():
    """MiB for the virtual machine: what three members of etcd and their disks take, where the host has that and as much again."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return 4096 if host >= 8192 else 3072


def _chosen(given):
    """The scenarios that will be played, with a fault or without."""
    if given.command == "run":
        return scenario.select(given.names, given.tag)
    if given.command == "plant":
        return scenario.select({fault.scenario for fault in faults.select(given.names)}, None)
    return []


def _in_machine(given, words, folder, tell):
    """Plays the same command line in the virtual machine."""
    from vm import kernel as vm_kernel
    from vm import machine

    material.load(programs.CACHE, tell)
    scenario.prepare(_chosen(given), programs.CACHE, tell)
    interactive = given.command == "up" and sys.stdin.isatty()
    live = ["--live"] if sys.stderr.isatty() else []
    argv = [str(LAB), *words, "--vm", "never", "--artefacts", "/run/x2lab", "--shown-artefacts", str(folder), *live]
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    env.update({name: os.environ[name] for name in PASSED_ON if name in os.environ})
    env["X2SEC_BIN"] = str(programs.folder().resolve())
    tell.live("lab: booting a Debian kernel with ESP and SCTP")
    try:
        return machine.run(
            argv,
            cache=programs.CACHE,
            share=folder,
            cwd="/",
            env=env,
            timeout=given.timeout,
            memory=_machine_memory(),
            interactive=interactive,
            tell=tell,
        )
    except (machine.MachineError, vm_kernel.KernelError) as e:
        tell(f"lab: {e}")
        return NO_LAB


def _run(given, folder, shown, tell):
    chosen = scenario.select(given.names, given.tag)
    scenario.prepare(chosen, programs.CACHE, tell)
    credentials = material.load(programs.CACHE, tell)
    results = []
    for each in chosen:
        results.append(scenario.run_one(each, folder / each.name, credentials, tell, f"{shown}/{each.name}"))
    if given.json:
        print(json.dumps(results[0] if len(given.names) == 1 and given.names != ["all"] else results, indent=1))
    else:
        for result in results:
            print(
                f"{'ok  ' if result['ok'] else 'FAIL'} {result['scenario']:<34} {result['seconds']:6.1f} s  {len(result['steps'])} steps"
            )
    failed = [r["scenario"] for r in results if not r["ok"]]
    tell(
        f"lab: {len(results) - len(failed)} of {len(results)} scenarios passed"
        + (f", failed: {', '.join(failed)}" if failed else "")
        + f"; captures and logs in {shown}"
    )
    return 1 if failed or not results else 0


def _plant(given, folder, shown, tell):
    known = scenario.find_all()
    scenario.prepare(_chosen(given), programs.CACHE, tell)
    credentials = material.load(programs.CACHE, tell)
    results = []
    for fault in faults.select(given.names):
        tell(f"{fault.scenario}: planted: {fault.about}")
        results.append(
            scenario.run_one(
                known[fault.scenario], folder / fault.name, credentials, tell, f"{shown}/{fault.name}", fault=fault
            )
        )
    if given.json:
        print(json.dumps(results, indent=1))
    else:
        for result in results:
            missed = "; ".join(result["unfound"])
            print(
                f"{'MISSED' if missed else 'found '} {result['fault']:<30} {result['scenario']:<26} {result['seconds']:6.1f} s  {missed}"
            )
    missed = [r["fault"] for r in results if r["unfound"]]
    tell(
        f"lab: {len(results) - len(missed)} of {len(results)} planted faults found"
        + (f", missed: {', '.join(missed)}" if missed else "")
        + f"; captures and logs in {shown}"
    )
    return 1 if missed or not results else 0


def _play(given, folder, shown, tell):
    scene.load_modules()
    if given.command == "run":
        return _run(given, folder, shown, tell)
    if given.command == "plant":
        return _plant(given, folder, shown, tell)
    credentials = material.load(programs.CACHE, tell)
    if given.command == "demo":
        return demo.main(folder, shown, credentials, given.json, tell)
    from . import prompt

    return prompt.main(given.nodes, given.bare, folder, credentials, tell)


def main(words):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = _parser().parse_args(words)
    tell = progress.Progress(getattr(given, "live", False))
    try:
        if given.command == "list":
            return _list(given)
        if given.command == "run":
            if not given.names and not given.tag:
                raise process.Failed("say which: NAME…, all, or --tag TAG")
            scenario.select(given.names, given.tag)
        if given.command == "plant":
            if given.list:
                for fault in faults.ALL:
                    print(f"{fault.name:<30} {fault.scenario:<26} {fault.about}")
                return 0
            if not given.names:
                raise process.Failed("say which: NAME…, or all")
            faults.select(given.names)
        why = "told so" if given.vm == "always" else None if given.vm == "never" else scene.suitable_here()
        folder = _artefact_folder(given)
        if why:
            return _in_machine(given, _without_places(words), folder, tell)
        return _play(given, folder, given.shown_artefacts or folder, tell)
    except process.Failed as e:
        tell(f"lab: {e}")
        return USAGE if "no scenario named" in str(e) or "no fault named" in str(e) or "say which" in str(e) else 1
    except KeyboardInterrupt:
        tell("lab: interrupted")
        return 130


def _without_places(words):
    """The command line without --vm and --artefacts: they are said anew for the inside."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("--vm", "--artefacts"):
            skip = True
        elif not word.startswith(("--vm=", "--artefacts=")):
            kept.append(word)
    return kept
