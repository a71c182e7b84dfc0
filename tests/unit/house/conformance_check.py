#!/usr/bin/env python3
"""docs/conformance.md is true to the tree: R1…R67 have a row each; every test file, test and lab scenario that it names exists.

conformance_check.py ROOT     exit status 1 and one line a mistake
"""
import json
import pathlib
import re
import subprocess
import sys

LAST = 67
ROW = re.compile(r"^\| R(\d+) \|(.*)\|\s*$")
PIECE = re.compile(r"(lab:)|`([^`]+)`|([;()])")
STATES = ("shown", "partly", "not yet")
# TEST(…, Name) and its kin: the name may stand in the next line.
TEST = re.compile(r"\b(?:TYPED_)?TEST(?:_F|_P)?\(\s*\w+,\s*(\w+)\s*\)")


def scenarios(root):
    told = subprocess.run(
        [sys.executable, root / "tests/lab/lab", "list", "--json"], capture_output=True, check=True, timeout=60
    )
    return {each["name"] for each in json.loads(told.stdout)}


def check_evidence(root, text, known):
    """What is wrong in one "shown by" cell; the number of things it names."""
    wrong, named, tests, in_lab, aside = [], 0, None, False, False
    for lab, word, mark in PIECE.findall(text):
        if mark:
            aside = mark == "(" or (aside and mark != ")")
            if mark == ";" and not aside:
                tests, in_lab = None, False
        elif lab:
            in_lab = True
        elif aside:
            continue
        elif in_lab:
            named += 1
            if word not in known:
                wrong.append(f"no scenario named {word}")
        elif "/" in word:
            named += 1
            file = root / word
            if not file.is_file():
                wrong.append(f"no file {word}")
            tests = set(TEST.findall(file.read_text(encoding="utf-8"))) if file.is_file() else None
        else:
            named += 1
            if tests is not None and word not in tests:
                wrong.append(f"no test named {word} in the file before it")
    return wrong, named


def check(root):
    text = (root / "docs/conformance.md").read_text(encoding="utf-8")
    known = scenarios(root)
    wrong, seen = [], set()
    for line in text.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        number = int(row[1])
        cells = [cell.strip() for cell in row[2].split("|")]
        if number in seen:
            wrong.append(f"R{number} has two rows")
        seen.add(number)
        if len(cells) != 4 or cells[1] not in STATES:
            wrong.append(f"R{number}: a row is | R | what | shown, partly or not yet | shown by | missing |")
            continue
        mistakes, named = check_evidence(root, cells[2], known)
        wrong += [f"R{number}: {mistake}" for mistake in mistakes]
        if (cells[1] == "not yet") != (named == 0):
            wrong.append(f'R{number}: "{cells[1]}" with {named} tests')
        if (cells[1] == "partly") != bool(cells[3]):
            wrong.append(f'R{number}: "partly" says what is missing, and only that')
    wrong += [f"R{number} has no row" for number in range(1, LAST + 1) if number not in seen]
    wrong += [f"R{number} is no requirement" for number in sorted(seen) if not 1 <= number <= LAST]
    for heading in ("TS 33.320", "TS 33.310"):
        if not re.search(rf"^## .*{re.escape(heading)}", text, re.MULTILINE):
            wrong.append(f"R62: no table against {heading}")
    return wrong


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    mistakes = check(pathlib.Path(sys.argv[1]))
    for mistake in mistakes:
        print(f"docs/conformance.md: {mistake}")
    sys.exit(1 if mistakes else 0)
