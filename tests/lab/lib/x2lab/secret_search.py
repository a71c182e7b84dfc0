"""Looks for keys where none may be: what processes were started with, texts, files."""

import base64
import os
import pathlib
import re
import threading
import time

LARGEST = 64 << 20
FOLDS = re.compile(rb"\r|\n|\\n")


def spellings(key):
    """The ways in which a key could be written: {name: octets to look for}. Halves of it count, and any place within base64."""
    half = key[: len(key) // 2]
    found = {"raw": half, "raw, second half": key[len(key) // 2 :]}
    for name, part in (("hex", half), ("hex, second half", key[len(key) // 2 :])):
        found[name] = part.hex().encode()
        found[f"{name}, capitals"] = part.hex().upper().encode()
    found["hex with colons"] = key.hex(":").encode()
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + key)
        found[f"base64 from octet {shift}"] = text[4 if shift else 0 : (len(text) // 4 - 1) * 4]
    return found


def _lines_joined(text):
    """Without its line ends, also those that JSON writes: PEM folds base64."""
    return FOLDS.sub(b"", text)


def _spelled(text, needles):
    """The spellings that are in the text, folded or not."""
    joined = _lines_joined(text)
    return [how for how, needle in needles if needle in text or needle in joined]


def in_text(name, text, keys):
    """["NAME holds a key, SPELLING", …]; the key itself is in none of them."""
    needles = [(how, needle) for key in keys for how, needle in spellings(key).items()]
    return [f"{name} holds a key, {how}" for how in _spelled(text, needles)]


class Count:
    """Files and octets that were searched."""

    files = octets = 0

    def __str__(self):
        return f"{self.files} files, {self.octets >> 10} KiB"


def _below(place):
    place = pathlib.Path(place)
    return [place] if place.is_file() else sorted(place.rglob("*"))


def in_files(places, keys, count=None, since=0):
    """As in_text, one for each file (given, or below a given folder) that was written since then; links are not followed, another file system is."""
    found, needles = [], [(how, needle) for key in keys for how, needle in spellings(key).items()]
    for place in places:
        for path in _below(place):
            try:
                if path.is_symlink() or not path.is_file() or path.stat().st_mtime < since:
                    continue
                with open(path, "rb") as f:
                    text = f.read(LARGEST)
            except OSError:
                continue  # gone meanwhile
            if count is not None:
                count.files += 1
                count.octets += len(text)
            if how := _spelled(text, needles):
                found.append(f"{path} holds a key, {how[0]}")
    return found


class Processes:
    """Collects argv and environ of every process that a look at /proc meets, many times a second, while it is entered."""

    EVERY = 0.01

    def __init__(self):
        self._seen, self._pids, self._end = {}, set(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _watch(self):
        while not self._end.is_set():
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    self._look(entry)
            time.sleep(self.EVERY)

    def _look(self, pid):
        for kind in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{kind}", "rb") as f:
                    text = f.read()
            except OSError:
                continue
            if text:
                self._seen.setdefault((kind, text), pid)
                self._pids.add(pid)

    @property
    def processes(self):
        return len(self._pids)

    @property
    def texts(self):
        return len(self._seen)

    def search(self, keys):
        return [f for (kind, text), pid in self._seen.items() for f in in_text(f"{kind} of process {pid}", text, keys)]
