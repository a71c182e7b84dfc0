"""Where the built programs are: X2SEC_BIN, else build/release/bin of this checkout."""

import os
import pathlib

from . import process

TOP = pathlib.Path(__file__).resolve().parents[4]
CACHE = TOP / "build" / "lab"


def folder():
    return pathlib.Path(os.environ.get("X2SEC_BIN") or TOP / "build" / "release" / "bin")


def find(name):
    """Path of a built program; Failed with what to do where it is not there."""
    path = folder() / name
    if not path.is_file():
        raise process.Failed(f"{path} is not built: run `./dev build`, or set X2SEC_BIN to the folder that has it")
    return str(path)
