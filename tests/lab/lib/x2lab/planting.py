"""What faults are made of: something taken away from the product while the lab starts and drives it."""

import contextlib
import dataclasses
import signal

from . import moves, process


class Found(Exception):
    """Every step that had to fail has failed; the rest need not be played."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """`steps`: parts of the lines of those steps that must fail. `plant(scene, patch, module)` is called in the built scene."""

    name: str
    scenario: str
    about: str
    steps: tuple
    plant: object


class Patches:
    """Functions replaced for the time of one scenario: `patch(owner, "name", lambda original, *args: …)`."""

    def __init__(self):
        self._stack = contextlib.ExitStack()

    def __call__(self, owner, name, replacement):
        original = getattr(owner, name)
        self._stack.callback(setattr, owner, name, original)
        setattr(owner, name, lambda *args, **more: replacement(original, *args, **more))

    def put(self, owner, name, value):
        """The same for what is not a function."""
        self._stack.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def undo(self):
        self._stack.close()


def no_table(scene, *letters):
    for letter in letters:
        scene[letter].run("nft", "delete", "table", "inet", "x2sec", check=False)


def no_policies(scene, *letters):
    for letter in letters:
        scene[letter].ip("xfrm policy flush")


def daemons(scene, letters, number):
    """A signal to x2secd on these HeNBs: SIGSTOP keeps it from repairing what a fault takes away."""
    for letter in letters:
        for pid in scene[letter].pids():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
                if f.read().strip() == "x2secd":
                    process.run(["kill", f"-{number.name.removeprefix('SIG')}", str(pid)], check=False)


@contextlib.contextmanager
def opened(scene, letters):
    """No guard and no kernel policy of anybody on these HeNBs, and x2secd does not notice."""
    daemons(scene, letters, signal.SIGSTOP)
    no_table(scene, *letters)
    no_policies(scene, *letters)
    try:
        yield
    finally:
        daemons(scene, letters, signal.SIGCONT)


def open_while_refused(letters):
    def plant(scene, patch, _):
        def refused(original, *args):
            with opened(scene, letters):
                return original(*args)

        patch(moves, "refused", refused)

    return plant


def after(owner, name, then):
    """`owner.name` does what it does, and then something more."""

    def plant(scene, patch, _):
        def replaced(original, *args, **more):
            result = original(*args, **more)
            then(scene)
            return result

        patch(owner, name, replaced)

    return plant
