#!/usr/bin/env python3
"""What `./dev package` made can be installed and says what it is.

package_check.py FOLDER   FOLDER holds the .deb files. Each is unpacked: its programs start, its units name programs of the
package, no file is in two packages, what the programs link is depended on, and the scripts are shell that sh accepts.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

PROGRAMS = {
    "henb-x2sec": ["usr/sbin/x2secd", "usr/sbin/x2sec-guard", "usr/sbin/x2sec-ocspd", "usr/bin/x2secctl"],
    "henb-x2policy": ["usr/bin/x2policy"],
    "henb-nem-gateway": ["usr/sbin/nem-gateway"],
    "henb-keydist-server": ["usr/sbin/keydist-server", "usr/bin/keydistctl"],
    "henb-x2sec-doc": [],
}


def output(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=120).stdout


def complaints(package, tree):
    name = output("dpkg-deb", "--field", package, "Package").strip()
    if name not in PROGRAMS:
        yield f"{package.name}: an unknown package {name}"
        return
    control = tree / "DEBIAN"
    output("dpkg-deb", "--raw-extract", package, tree)
    for program in PROGRAMS[name]:
        run = subprocess.run([tree / program, "--version"], capture_output=True, text=True, timeout=60, check=False)
        if run.returncode != 0 or pathlib.Path(program).name not in run.stdout:
            yield f"{name}: /{program} --version says {run.stdout + run.stderr!r}"
        if "not stripped" in output("file", "--brief", tree / program):
            yield f"{name}: /{program} is not stripped"
    for unit in (tree / "lib/systemd/system").glob("*.service"):
        for program in re.findall(r"^Exec(?:Start|Reload)=(/usr/\S+)", unit.read_text(), flags=re.M):
            if not (tree / program[1:]).exists():
                yield f"{name}: {unit.name} starts {program}, which is not in the package"
    for script in control.glob("p*"):
        if script.name in ("postinst", "prerm") and subprocess.run(["sh", "-n", script], check=False).returncode != 0:
            yield f"{name}: {script.name} is not for sh"
    if PROGRAMS[name] and "libc6" not in output("dpkg-deb", "--field", package, "Depends"):
        yield f"{name}: the libraries that it needs are not among its dependencies"


def main():
    packages = sorted(pathlib.Path(sys.argv[1]).glob("*.deb"))
    found, owners, bad = set(), {}, 0
    for package in packages:
        name = output("dpkg-deb", "--field", package, "Package").strip()
        found.add(name)
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder) / "tree"
            for complaint in complaints(package, tree):
                print(complaint)
                bad = 1
            for path in tree.rglob("*"):
                place = path.relative_to(tree)
                if path.is_file() and place.parts[0] != "DEBIAN":
                    if place in owners:
                        print(f"/{place} is in {owners[place]} and in {name}")
                        bad = 1
                    owners[place] = name
    if found != set(PROGRAMS):
        print(f"packages missing: {', '.join(sorted(set(PROGRAMS) - found))}")
        bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
