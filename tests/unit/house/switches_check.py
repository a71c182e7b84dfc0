#!/usr/bin/env python3
"""R3: IPsec, CMPv2 and the key service can each be left out: every combination is configured, built and started.

switches_check.py [--jobs N] [COMBINATION…]     a combination is a text such as ipsec+cmp, or none
Build folders stay in build/switches; a second run is quick. Exit status 1 when one fails.
"""
import argparse
import itertools
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
SWITCHES = ["ipsec", "cmp", "keydist"]


def combinations():
    for size in range(len(SWITCHES) + 1):
        for chosen in itertools.combinations(SWITCHES, size):
            yield "+".join(chosen) or "none"


def run(words, log):
    with open(log, "a", encoding="utf-8") as out:
        return subprocess.run(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False).returncode


def starts(program, words, status, needle=""):
    """Whether the program ends with `status` and says `needle`."""
    done = subprocess.run([program, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    return done.returncode == status and needle in done.stdout + done.stderr


def failure_of(name, jobs):
    """None, or what went wrong with one combination."""
    folder = ROOT / "build/switches" / name
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    log.write_text("")
    chosen = name.split("+")
    switches = [f"-DX2SEC_WITH_{switch.upper()}={'ON' if switch in chosen else 'OFF'}" for switch in SWITCHES]
    options = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DX2SEC_BUILD_TESTS=OFF", "-DX2SEC_BUILD_BENCH=OFF"]
    if run(["cmake", "-S", ROOT, "-B", folder, *options, *switches], log) != 0:
        return f"does not configure, see {log}"
    if run(["cmake", "--build", folder, "-j", str(jobs)], log) != 0:
        return f"does not build, see {log}"
    programs = folder / "bin"
    wanted = ["x2secd", "x2sec-guard", "x2secctl", "x2policy"]
    if "keydist" in chosen:
        wanted += ["keydist-server", "keydistctl"]
    missing = [program for program in wanted if not (programs / program).exists()]
    if missing:
        return f"{', '.join(missing)} not built"
    if "keydist" not in chosen and (programs / "keydist-server").exists():
        return "keydist-server is there, but was left out"
    if not starts(programs / "x2secd", ["--version"], 0, "x2secd"):
        return "x2secd --version fails"
    if not starts(programs / "x2secd", ["--check-config", "--config", "/nonexistent/x2secd.toml"], 2, "/nonexistent"):
        return "x2secd does not refuse a configuration that is not there"
    if not starts(programs / "x2secctl", ["links", "--socket", "/nonexistent/sock"], 3):
        return "x2secctl does not start"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("combination", nargs="*")
    given = parser.parse_args()
    every = list(combinations())
    unknown = [name for name in given.combination if name not in every]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(every)}")
    failed = 0
    for name in given.combination or every:
        failure = failure_of(name, given.jobs)
        failed += failure is not None
        print(f"{name}: {failure or 'ok'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
