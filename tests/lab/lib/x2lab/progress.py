"""Progress on standard error: one line that is written over on a terminal, plain lines elsewhere."""

import os
import shutil
import sys
import time


class Progress:
    """Call it with a line to keep; `live` with one that the next may replace."""

    def __init__(self, live=False):
        self._terminal = live or os.isatty(2)
        self._begun = time.monotonic()
        self._shown = 0
        self._last = None

    def _clear(self):
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            self._shown = 0

    def __call__(self, line):
        self._clear()
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def done(self):
        """Takes the replaceable line away: before something goes to standard output."""
        self._clear()
        sys.stderr.flush()

    def live(self, line):
        if line == self._last and not self._terminal:
            return
        self._last = line
        if not self._terminal:
            self(line)
            return
        self._clear()
        width = shutil.get_terminal_size((100, 24)).columns - 1
        text = f"[{time.monotonic() - self._begun:4.0f} s] {line}"[:width]
        sys.stderr.write(text)
        sys.stderr.flush()
        self._shown = len(text)
