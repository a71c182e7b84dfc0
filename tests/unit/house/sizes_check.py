#!/usr/bin/env python3
"""Sizes and manners of the sources: headers up to 150 lines, sources up to 400, every header guarded, no words left for later.

sizes_check.py [ROOT]: exit status 1 and one line a finding
"""
import pathlib
import re
import sys

FOLDERS = ["common", "policy", "henb-x2sec", "keydist-server", "proto", "tests"]
MOST = {".h": 150, ".cpp": 400, ".py": 400, ".proto": 400}
LEFT_FOR_LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
SHELLS = re.compile(r"\b(system|popen)\s*\(|/bin/(ba)?sh\b")
UPWARDS = re.compile(r'^\s*#include "\.\.', re.MULTILINE)


def findings(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            most = MOST.get(path.suffix)
            if most is None or not path.is_file():
                continue
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(root)
            lines = text.count("\n")
            if lines > most:
                yield f"{name}: {lines} lines, {most} are the most"
            if path.suffix == ".h" and "#pragma once" not in text:
                yield f"{name}: no #pragma once"
            if UPWARDS.search(text):
                yield f"{name}: includes are written from the top"
            if LEFT_FOR_LATER.search(text):
                yield f"{name}: something is left for later"
            if folder != "tests" and path.suffix in (".h", ".cpp") and SHELLS.search(text):
                yield f"{name}: runs a shell"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[3]
    found = list(findings(root))
    print("\n".join(found) or "every file is of a size to read")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
