#!/usr/bin/env python3
"""systemd reads every unit of packaging/systemd without a complaint, and rates keydist-server's as exposed by at most 2.5.

units_check.py ROOT BIN   BIN holds the programs. Exit status 77 (skipped) where there is no systemd-analyze.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MOST_EXPOSED = {"keydist-server.service": 25}  # Tenths.


def main():
    root, programs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not shutil.which("systemd-analyze"):
        return 77
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for socket in (root / "packaging/systemd").glob("*.socket"):
            shutil.copy(socket, folder)  # A service that requires one is looked at beside it.
        for unit in sorted((root / "packaging/systemd").glob("*.service")):
            # The programs are not installed where the unit has them; one that this build leaves out cannot be looked at.
            text = re.sub(r"^(Exec\w+=)/usr/sbin/", rf"\g<1>{programs.resolve()}/", unit.read_text(), flags=re.M)
            if not (programs / unit.name.removesuffix(".service")).exists():
                print(f"{unit.name}: its program is not in {programs}")
                continue
            copy = pathlib.Path(folder) / unit.name
            copy.write_text(text)
            for what in (["verify", copy], ["security", "--offline=yes", f"--threshold={MOST_EXPOSED.get(unit.name, 100)}", copy]):
                run = subprocess.run(["systemd-analyze", *what], capture_output=True, text=True, timeout=120)
                said = run.stderr.strip() if what[0] == "verify" else ""
                if run.returncode != 0 or said:
                    print(f"{unit.name}: systemd-analyze {what[0]}: {said or run.stdout.strip()[-200:]}")
                    bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
