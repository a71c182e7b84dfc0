#!/usr/bin/env python3
"""Breaks the product at one place after the other and demands that a named test sees it.

run.py [--list] [REQUIREMENT…]     e.g. run.py R2 R44; without a name: all

Works in a copy of the committed tree (build/mutants/tree), one build folder for all. Exit status 1 when a broken product passes its
tests, or when a place is no longer in its file.
"""

import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from mutants import MUTANTS  # noqa: E402

ROOT = HERE.parents[1]
PLACE = ROOT / "build/mutants"
TREE = PLACE / "tree"
BUILD = TREE / "build/release"
TEST_TIMEOUT = 180


def say(text):
    print(text, flush=True)


def run(words, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **more)


def prepare():
    """The tree as it was committed; what was built stays."""
    PLACE.mkdir(parents=True, exist_ok=True)
    head = run(["git", "-C", ROOT, "rev-parse", "HEAD"]).stdout.strip()
    if not TREE.is_dir():
        done = run(["git", "clone", "--shared", "--no-checkout", ROOT, TREE])
    else:
        done = run(["git", "-C", TREE, "fetch", "origin", head])
    if done.returncode == 0:
        done = run(["git", "-C", TREE, "checkout", "--force", "--detach", head])
    if done.returncode == 0:
        done = run(["cmake", "--preset", "release"], cwd=TREE)
    if done.returncode != 0:
        sys.exit(f"mutants: {done.stderr[-2000:]}")


def verdict(file, before, after, program, tests):
    """None where a test fails as it should, else what is wrong."""
    path = TREE / file
    text = path.read_text()
    if text.count(before) != 1:
        return f"the place is there {text.count(before)} times, not once"
    path.write_text(text.replace(before, after))
    try:
        built = run(["ninja", "-C", BUILD, f"bin/tests/{program}"])
        if built.returncode != 0 and "unused" not in built.stdout:
            return "does not compile: " + built.stdout[-400:]
        if built.returncode != 0:
            return "does not compile for something unused"
        try:
            tested = run([BUILD / "bin/tests" / program, f"--gtest_filter={tests}", "--gtest_fail_fast"], timeout=TEST_TIMEOUT)
        except subprocess.TimeoutExpired:
            return None  # It no longer ends: seen as well.
        if tested.returncode == 0:
            return "NOT SEEN: the tests pass" if "[  PASSED  ] 0" not in tested.stdout else "no test of that name"
        return None
    finally:
        path.write_text(text)


def main(words):
    chosen = [m for m in MUTANTS if not [w for w in words if not w.startswith("-")] or m[0] in words]
    if "--list" in words:
        for requirement, file, before, *_ in chosen:
            say(f"{requirement:<4} {file:<45} {before.strip().splitlines()[0][:100]}")
        return 0
    prepare()
    missed = 0
    for requirement, file, before, after, program, tests in chosen:
        begun = time.monotonic()
        wrong = verdict(file, before, after, program, tests)
        missed += wrong is not None
        what = before.strip().splitlines()[0][:70]
        say(f"{'seen  ' if wrong is None else 'MISSED'} {requirement:<4} {file}: {what} ({program}, {time.monotonic() - begun:.0f} s){' ' + wrong if wrong else ''}")
    say(f"mutants: {len(chosen) - missed} of {len(chosen)} seen by their tests")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
