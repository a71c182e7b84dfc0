#!/usr/bin/env python3
"""clang-tidy over the product's sources; a finding is an error.

tidy.py [--jobs N] [--build DIR] [FILE…]     FILE: parts of a path; without, every source of the product
A source whose preprocessed text was clean before under the same checks is not looked at again (DIR/tidy-clean).
Exit status 1 when there are findings; DIR/tidy.log has them all.
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
PRODUCT = ["common", "policy", "henb-x2sec", "keydist-server", "tests/lab/traffic"]


def commands(build):
    """The compile command of each source of the product, as an argument vector without its output."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if not source.is_relative_to(ROOT) or source.is_relative_to(build):
            continue
        name = str(source.relative_to(ROOT))
        if not any(name.startswith(place + "/") for place in PRODUCT):
            continue
        words = shlex.split(entry["command"])
        compiler = next(i for i, word in enumerate(words) if word.rsplit("/", 1)[-1].startswith("clang"))
        words = words[compiler:]
        output = words.index("-o")
        found[name] = (words[:output] + words[output + 2:], entry["directory"])
    return found


def fingerprint(words, folder, checks):
    """Of what clang-tidy would read, comments too (NOLINT is one); None where the source does not preprocess."""
    text = subprocess.run([word for word in words if word != "-c"] + ["-E", "-C"], cwd=folder, capture_output=True, check=False)
    if text.returncode != 0:
        return None
    return hashlib.sha256(checks + b"\0" + text.stdout).hexdigest()


def look_at(name, words, folder, build, checks):
    """(findings as text, whether clang-tidy had to run)."""
    mark = fingerprint(words, folder, checks)
    clean = build / "tidy-clean"
    if mark and (clean / mark).exists():
        return "", False
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(ROOT / name)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return done.stdout or done.stderr or f"{name}: clang-tidy failed\n", True
    if mark:
        (clean / mark).touch()
    return "", True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/tidy")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    build = options.build.resolve()
    if not (build / "compile_commands.json").exists():
        print(f"tidy.py: {build}/compile_commands.json is not there: configure the preset tidy first (cmake --preset tidy)", file=sys.stderr)
        return 2
    (build / "tidy-clean").mkdir(exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    checks = version + (ROOT / ".clang-tidy").read_bytes()
    chosen = {name: where for name, where in sorted(commands(build).items())
              if not options.files or any(part in name for part in options.files)}
    if not chosen:
        print("tidy.py: no source of that name", file=sys.stderr)
        return 2
    bad = looked = 0
    with (build / "tidy.log").open("w", encoding="utf-8") as log, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(look_at, name, *where, build, checks): name for name, where in chosen.items()}
        for count, done in enumerate(concurrent.futures.as_completed(running), 1):
            findings, ran = done.result()
            looked += ran
            if findings:
                bad += 1
                print(f"{running[done]}:\n{findings}", file=log, flush=True)
                print(f"{running[done]}: findings")
            if sys.stderr.isatty():
                print(f"\r{count}/{len(chosen)}\033[K", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(f"clang-tidy: {len(chosen)} sources, {looked} looked at anew, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
