"""A node of the lab: a network, mount and UTS namespace in which programs run with their real default paths.

/run is the node's own; /etc and /var/lib are the machine's under an overlay. From outside a node's files
are reached through `path()`. Nothing of it is left when the node is closed.
"""

import ctypes
import os
import pathlib
import signal
import time

from . import linux, process

NAMESPACES = (("net", linux.CLONE_NEWNET), ("uts", linux.CLONE_NEWUTS), ("mnt", linux.CLONE_NEWNS))


class Node:
    """`folder` (on tmpfs) holds what the node writes; `logs` is where its programs' output goes."""

    def __init__(self, name, folder: pathlib.Path, logs: pathlib.Path):
        self.name = name
        self.folder = folder
        self.logs = logs
        self.daemons = []
        logs.mkdir(parents=True, exist_ok=True)
        for part in ("run", "etc", "etc.work", "lib", "lib.work"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.pid = self._hold()
        self._handles = [(os.open(f"/proc/{self.pid}/ns/{kind}", os.O_RDONLY), flag) for kind, flag in NAMESPACES]

    def _hold(self):
        """Forks the process that keeps the namespaces; returns when they are ready."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(read)
                linux.die_with_parent()
                os.setsid()
                self._enter_new_namespaces()
                os.write(write, b"ready")
            except BaseException as e:  # noqa: BLE001 - a forked child must never return into its parent's code
                os.write(write, str(e).encode())
                os._exit(1)
            os.close(write)
            while True:
                signal.pause()
        os.close(write)
        said = os.read(read, 1000)
        os.close(read)
        if said != b"ready":
            os.waitpid(pid, 0)
            raise process.Failed(f"node {self.name}: {said.decode(errors='replace')}")
        return pid

    def _enter_new_namespaces(self):
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWNET)
        linux.make_private()
        ctypes.CDLL(None).sethostname(self.name.encode(), len(self.name))
        for target, part in (("/etc", "etc"), ("/var/lib", "lib")):
            options = f"lowerdir={target},upperdir={self.folder / part},workdir={self.folder / (part + '.work')}"
            linux.mount("overlay", target, "overlay", 0, options)
        shared = pathlib.Path("/run/x2lab")
        if shared.is_dir():
            (self.folder / "run" / "x2lab").mkdir(exist_ok=True)
            linux.bind(shared, self.folder / "run" / "x2lab")
        linux.bind(self.folder / "run", "/run")
        for part in ("lock", "lab", "pluto"):
            os.makedirs(f"/run/{part}", exist_ok=True)

    def enter(self):
        """Moves the calling process into the node: for the child between fork and exec."""
        for handle, flag in self._handles:
            linux.setns(handle, flag)
        os.chdir("/")

    def path(self, inside):
        """Where the machine sees the node's file `inside` (an absolute path)."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside, text, mode=0o644):
        """Writes a file of the node, folders made as needed. Secrets: give mode 0o600."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text.encode() if isinstance(text, str) else text)
        return inside

    def run(self, *argv, timeout=30.0, check=True, feed=None, env=None):
        """Runs a program in the node to its end: process.Result."""
        return process.run(argv, timeout=timeout, check=check, feed=feed, enter=self.enter, env=env)

    def ip(self, *commands):
        """`ip` commands, each one string of words, in one batch."""
        return process.run(["ip", "-batch", "-"], feed="\n".join(commands) + "\n", enter=self.enter)

    def sysctl(self, **values):
        """Network settings; dots are written as two underscores: net__ipv4__ip_forward=1."""
        lines = [f"{name.replace('__', '.')}={value}" for name, value in values.items()]
        return self.run("/usr/sbin/sysctl", "-q", "-w", *lines)

    def start(self, label, *argv, env=None):
        """Starts a program that stays: process.Daemon, its output in <logs>/<node>-<label>.log."""
        daemon = process.Daemon(argv, self.logs / f"{self.name}-{label}.log", enter=self.enter, env=env)
        self.daemons.append(daemon)
        return daemon

    def pids(self):
        """All processes in the node's network namespace but the holder."""
        mine = os.stat(f"/proc/{self.pid}/ns/net").st_ino
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) not in (self.pid, os.getpid()):
                try:
                    if os.stat(f"/proc/{entry}/ns/net").st_ino == mine:
                        found.append(int(entry))
                except OSError:
                    continue
        return found

    def close(self):
        """Ends everything in the node, at once."""
        end = time.monotonic() + 10
        while (left := self.pids()) and time.monotonic() < end:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            for daemon in self.daemons:
                daemon.running()
            time.sleep(0.02)
        for handle, _ in self._handles:
            os.close(handle)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
