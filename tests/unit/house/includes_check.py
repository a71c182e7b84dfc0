#!/usr/bin/env python3
"""The one-way dependencies of docs/architecture.md: what a module may include compiles, what it may not does not.

includes_check.py ROOT BUILD

Takes each module's own compile command from compile_commands.json and asks the compiler, with it, which headers of the other
modules can be found. A module that could see more or less than MAY_SEE says is a failure.
"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

PORTS = "henb-x2sec/core/ports"
ADAPTERS = ["pluto", "nss", "xfrm", "guard", "enrol", "keydist_client"]

# module folder: what it may see besides itself. common/rpc lies below common/ and is seen with it.
MAY_SEE = {
    "common": [],
    "policy": ["common"],
    "henb-x2sec/core": ["common", "policy", PORTS],
    **{f"henb-x2sec/{adapter}": ["common", PORTS] for adapter in ADAPTERS},
    "henb-x2sec/revocation": ["common", "policy", PORTS],
    "henb-x2sec/nem": ["common", PORTS, "henb-x2sec/enrol"],
    "henb-x2sec/ocspd": ["common", "policy", PORTS, "henb-x2sec/revocation"],
    "henb-x2sec/control": ["common"],
    "henb-x2sec/ctl": ["common"],
    "keydist-server/domain": ["common"],
    "keydist-server/pkcs11": ["common", "keydist-server/domain"],
    "keydist-server/store": ["common", "keydist-server/domain"],
    "keydist-server/service": ["common", "keydist-server/domain", "keydist-server/store"],
    "keydist-server/rpc": ["common", "keydist-server/domain", "keydist-server/store", "keydist-server/service"],
}


def header_of(root, folder):
    """A header of the folder's own, or None."""
    found = sorted(path for path in (root / folder).glob("*.h"))
    return str(found[0].relative_to(root)) if found else None


def command_of(commands, root, folder):
    """Compiler and options of one source directly in the folder, without its output and input."""
    for entry in commands:
        source = pathlib.Path(entry["file"])
        if source.parent != root / folder or source.name == "main.cpp":
            continue
        words = shlex.split(entry["command"])
        while words and not words[0].endswith(("c++", "g++", "clang++")):
            words.pop(0)  # the launcher of the compiler cache
        kept = [words[0]]
        for before, word in zip(words, words[1:]):
            if word.startswith(("-I", "-D", "-std")) or word == "-isystem" or before in ("-isystem", "-include"):
                kept.append(word)
        return kept
    return None


def seen_by(command, headers, directory):
    """Which of the headers the compiler finds."""
    probe = pathlib.Path(directory) / "probe.cpp"
    lines = [f'#if __has_include("{header}")\nfound {folder}\n#endif\n' for folder, header in headers.items()]
    probe.write_text("".join(lines), encoding="utf-8")
    out = subprocess.run([*command, "-E", "-P", str(probe)], capture_output=True, text=True, check=True, cwd=directory).stdout
    return {line.split(" ", 1)[1] for line in out.splitlines() if line.startswith("found ")}


def compiles(command, header, directory):
    probe = pathlib.Path(directory) / "include.cpp"
    probe.write_text(f'#include "{header}"\n', encoding="utf-8")
    done = subprocess.run([*command, "-fsyntax-only", str(probe)], capture_output=True, text=True, check=False, cwd=directory)
    return done.returncode == 0, done.stderr


def main():
    root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    headers = {folder: header_of(root, folder) for folder in [*MAY_SEE, PORTS, "henb-x2sec/app", "keydist-server/app"]}
    headers = {folder: header for folder, header in headers.items() if header}
    complaints, looked_at = [], 0
    with tempfile.TemporaryDirectory() as directory:
        for folder, allowed in MAY_SEE.items():
            command = command_of(commands, root, folder)
            if command is None or folder not in headers:
                continue  # switched off in this build
            looked_at += 1
            seen = seen_by(command, headers, directory)
            wanted = {folder, *allowed} & headers.keys()
            complaints += [f"{folder} can include {headers[other]}, which it must not" for other in sorted(seen - wanted)]
            complaints += [f"{folder} cannot include {headers[other]}, which it may" for other in sorted(wanted - seen)]
        # The real thing once: a guard that includes the driver of pluto does not compile, and for that reason.
        command = command_of(commands, root, "henb-x2sec/guard")
        pluto = headers.get("henb-x2sec/pluto")
        if command and pluto:
            good, _ = compiles(command, headers["henb-x2sec/guard"], directory)
            bad, errors = compiles(command, pluto, directory)
            if not good or bad or "No such file" not in errors and "file not found" not in errors:
                complaints.append(f"henb-x2sec/guard including {pluto}: compiled={bad}, its own header: compiled={good}")
    if looked_at < 5:
        complaints.append(f"only {looked_at} modules found in {build}: is it a build folder of {root}?")
    print("\n".join(complaints) or f"{looked_at} modules see what they may and nothing else")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
