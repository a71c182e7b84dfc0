#!/usr/bin/env python3
"""Benchmarks, each beside its floor in the same run: ./dev bench [--json] [--quick] [--only NAME…] [--no-lab]

A table on standard error; with --json an array of {name, ours, floor, unit, ratio, goal, ok, machine} on standard output.
Exit status 1 when a goal is missed or a bench could not be run.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))
import kdc  # noqa: E402

TOP = HERE.parents[1]
BIN = pathlib.Path(os.environ.get("X2SEC_BIN") or TOP / "build" / "release" / "bin").resolve()
SIZE_LIMIT = 8 * 1024 * 1024
FIELDS = ("name", "ours", "floor", "unit", "ratio", "goal", "ok", "machine")
LINKS = ("links-up-32-cert", "links-up-32-psk", "rss-x2secd-32-links")
LAB_SECONDS = 1500


class NotRun(Exception):
    """A bench could not be run."""


def machine():
    """Cores, processor, and how busy the machine was at the start."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} cores, {model}, load {os.getloadavg()[0]:.1f}"


def program(argv, timeout=1800, env=None):
    """Runs a bench; its standard error passes through. Exit status 1 (a goal missed) counts as run."""
    argv = [str(word) for word in argv]
    if not pathlib.Path(argv[0]).is_file():
        raise NotRun(f"{argv[0]} is not built: ./dev build")
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=False, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        raise NotRun(f"{argv[0]} took longer than {timeout} s") from None
    return done.returncode, done.stdout.decode()


def built_in(name, *options):
    def measure():
        status, out = program([BIN / "bench" / name, "--json", *options])
        try:
            found = json.loads(out)
        except json.JSONDecodeError:
            raise NotRun(f"{name} ended with {status} and no result") from None
        return found if isinstance(found, list) else [found]

    return measure


def key_service(*options):
    """The key service beside a bare echo, and beside a KDC where Kerberos is installed."""
    load = BIN / "bench" / "krb5_load"
    if not load.is_file():
        raise NotRun(f"{load} is not built: libkrb5-dev is missing, ./dev bench installs it as root")
    with kdc.running() as conf:
        return built_in("keydist_bench", *options, "--kdc", load, conf)()


def henbs(*options):
    """The key service with up to a million HeNBs; how it grows is kept for plot_henbs.py."""
    points = TOP / "build" / "bench" / "henbs.json"

    def measure():
        points.parent.mkdir(parents=True, exist_ok=True)
        return built_in("henbs_bench", *options, "--points", points)()

    return measure


def stripped_size():
    """Octets of x2secd without symbols."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "x2secd"
        shutil.copy2(BIN / "x2secd", copy)
        subprocess.run(["strip", str(copy)], check=True)
        size = copy.stat().st_size
    ratio = size / SIZE_LIMIT
    return [
        {"name": "size-x2secd", "ours": size, "floor": SIZE_LIMIT, "unit": "octets", "ratio": ratio, "goal": 1.0, "ok": ratio <= 1}
    ]


def links():
    """Times and memory of 32 links, in the lab's machine."""
    bench = HERE / "links_bench.py"
    subprocess.run([sys.executable, str(bench), "prepare"], check=True, stdout=subprocess.DEVNULL)
    share = TOP / "build" / "lab" / "bench"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir(parents=True)
    vm = [TOP / "tests/lab/vm/run", "--timeout", LAB_SECONDS, "--memory", 3072, "--share", share]
    inside = ["--", "python3", bench, "run", "/run/x2lab/links.json"]
    status, _ = program([*vm, *inside], LAB_SECONDS + 900, {**os.environ, "X2SEC_BIN": str(BIN)})
    result = share / "links.json"
    found = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else []
    if status != 0 and not found:
        raise NotRun(f"the lab ended with {status}, see {share}")
    return found


def shown(value, unit):
    return f"{value:,.0f}" if unit in ("KiB", "octets") or value >= 1000 else f"{value:.2f}"


def table(results):
    rows = [("name", "ours", "floor", "unit", "ratio", "goal", "")]
    for r in results:
        rows.append(
            (
                r["name"],
                shown(r["ours"], r["unit"]),
                shown(r["floor"], r["unit"]),
                r["unit"],
                f"{r['ratio']:.2f}",
                f"{r['goal']:g}",
                "ok" if r["ok"] else "MISSED",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="results on standard output")
    parser.add_argument("--quick", action="store_true", help="fewer requests to the key service: for a look only")
    parser.add_argument("--no-lab", action="store_true", help="without the measurements in the lab's machine")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="parts of names: decision keydist watch henbs enrol nem size links")
    given = parser.parse_args()
    benches = {
        "decision": built_in("decision_bench"),
        "keydist": lambda: key_service(*(["--quick"] if given.quick else [])),
        "watch": built_in("watch_bench", *(["--quick"] if given.quick else [])),
        "henbs": henbs(*(["--quick"] if given.quick else [])),
        "enrol": built_in("enrol_bench"),
        "nem": built_in("nem_bench"),
        "size": stripped_size,
        "links": links,
    }
    where = machine()
    results, failed = [], []
    for name, measure in benches.items():
        if (given.no_lab and name == "links") or (given.only and not any(part in name for part in given.only)):
            continue
        print(f"== {name}", file=sys.stderr, flush=True)
        try:
            found = measure()
        except (NotRun, kdc.NoKdc, OSError, subprocess.CalledProcessError) as e:
            failed.append(f"{name}: {e}")
            continue
        results += [{field: {**each, "machine": where}[field] for field in FIELDS} for each in found]
        if name == "links" and len(found) < len(LINKS):
            failed.append(f"links: no figures of {', '.join(sorted(set(LINKS) - {each['name'] for each in found}))}")
    table(results)
    print(f"machine: {where}", file=sys.stderr)
    for line in failed:
        print(f"NOT RUN  {line}", file=sys.stderr)
    if given.json:
        print(json.dumps(results, indent=1))
    return 0 if results and not failed and all(r["ok"] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
