"""Programs with argument vectors and deadlines; waiting for conditions instead of sleeping."""

import dataclasses
import os
import signal
import subprocess
import time

from . import linux


class Failed(RuntimeError):
    """A program failed, or a condition did not come true in time. The message says which, and what was seen last."""


class Ended(Failed):
    """A program that was to stay has ended: waiting longer is of no use."""


@dataclasses.dataclass
class Result:
    """What a finished program left: exit status (negative: the signal that ended it), output, errors, seconds."""

    argv: list
    status: int
    out: str
    err: str
    seconds: float

    def __str__(self):
        words = " ".join(self.argv)
        return f"`{words[:200]}` exit {self.status} after {self.seconds:.1f} s: {(self.err.strip() or self.out.strip())[-600:]}"


def run(argv, timeout=30.0, check=True, feed=None, enter=None, env=None, cwd=None):
    """Runs `argv` to its end. `enter` is called in the child before the program starts. Failed where check is set."""
    argv = [str(word) for word in argv]
    begun = time.monotonic()
    child = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if feed is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=enter,
        env=env,
        cwd=cwd,
    )
    try:
        out, err = child.communicate(feed.encode() if isinstance(feed, str) else feed, timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise Failed(
            f"`{' '.join(argv)[:200]}` did not end within {timeout:g} s: {err.decode(errors='replace')[-600:]}"
        ) from None
    result = Result(
        argv, child.returncode, out.decode(errors="replace"), err.decode(errors="replace"), time.monotonic() - begun
    )
    if check and result.status != 0:
        raise Failed(str(result))
    return result


def until(what, condition, timeout, every=0.1):
    """The first true value of `condition()`; Failed, with the last thing seen, when `timeout` seconds are over."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except Ended:
            raise
        except Failed as e:
            last = e
        if time.monotonic() >= end:
            raise Failed(f"not within {timeout:g} s: {what}" + (f" (last seen: {last})" if last else ""))
        time.sleep(every)


class Daemon:
    """A program that stays. Its output goes to `log`; it dies with the lab."""

    def __init__(self, argv, log, enter=None, env=None, stdin=None):
        self.argv = [str(word) for word in argv]
        self.log = log
        self.started = time.monotonic()

        def prepare():
            linux.die_with_parent()
            os.setsid()
            if enter:
                enter()

        with open(log, "ab") as sink:
            self.child = subprocess.Popen(
                self.argv, stdin=stdin or subprocess.DEVNULL, stdout=sink, stderr=sink, preexec_fn=prepare, env=env
            )

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def must_run(self):
        """True; Ended, with the end of the log, if the program has ended."""
        if not self.running():
            raise Ended(f"`{' '.join(self.argv)[:200]}` ended with {self.child.returncode}: {self.tail()}")
        return True

    def tail(self, size=600):
        with open(self.log, "rb") as f:
            return f.read()[-size:].decode(errors="replace").strip()

    def wait(self, timeout):
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"`{' '.join(self.argv)[:120]}` did not end within {timeout:g} s") from None

    def kill(self):
        """kill -9, and reaped."""
        if self.running():
            self.child.kill()
        self.child.wait(10)

    def stop(self, timeout=20.0, number=signal.SIGTERM):
        """Asks it to end; kill -9 when it has not within `timeout` seconds. Its exit status."""
        self.send(number)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def send(self, number):
        if self.running():
            self.child.send_signal(number)
