#!/usr/bin/env python3
"""Adds up JUnit files of ctest and JSON of the lab; the last line is "N passed, N failed". What a failed test said last stands before it."""
import json
import re
import sys
import xml.etree.ElementTree as tree

LAST_LINES = 25


def from_junit(path):
    """A GoogleTest program counts as its test cases, any other test as one."""
    passed, failed, names = 0, 0, []
    said = []
    for case in tree.parse(path).getroot().iter("testcase"):
        output = "".join(element.text or "" for element in case.iter("system-out"))
        good = re.search(r"\[  PASSED  \] (\d+) test", output)
        bad = re.findall(r"^\[  FAILED  \] (\S+\.\S+)(?: \(\d+ ms\))?$", output, re.MULTILINE)
        broken = case.find("failure") is not None or case.get("status") not in ("run", None)
        count_bad = len(set(bad)) if bad else (1 if broken else 0)
        passed += int(good.group(1)) if good else (0 if broken else 1)
        failed += count_bad
        if count_bad:
            names += sorted(set(bad)) or [case.get("name")]
            said += [f"{case.get('name')}: {line}" for line in last_words(output)]
    for line in said:
        print(line)
    return passed, failed, names


def last_words(output):
    """The last lines; of a GoogleTest program, those from its failures on."""
    lines = output.rstrip().splitlines()
    failures = [number for number, line in enumerate(lines) if "Failure" in line or line.startswith("[  FAILED  ]")]
    return lines[failures[0]:][:LAST_LINES] if failures else lines[-LAST_LINES:]


def from_lab(path):
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    results = results if isinstance(results, list) else [results]
    names = [result["scenario"] for result in results if not result["ok"]]
    return len(results) - len(names), len(names), names


def main():
    passed, failed = 0, 0
    for path in sys.argv[1:]:
        try:
            good, bad, names = from_lab(path) if path.endswith(".json") else from_junit(path)
        except (OSError, ValueError, KeyError, tree.ParseError) as error:
            good, bad, names = 0, 1, [f"{path}: {error}"]
        passed, failed = passed + good, failed + bad
        for name in names:
            print(f"failed: {name}")
    if passed == 0:
        failed = max(failed, 1)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
