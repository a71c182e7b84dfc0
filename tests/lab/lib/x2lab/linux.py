"""The few system calls that Python 3.11 does not offer: namespaces, mounts, death signal."""

import ctypes
import os
import signal
import socket

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1
IPPROTO_SCTP = 132

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags):
    _checked(_libc.unshare(flags), "unshare")


def setns(fd, flags):
    _checked(_libc.setns(fd, flags), "setns")


def mount(source, target, kind=None, flags=0, data=None):
    def text(value):
        return None if value is None else str(value).encode()

    _checked(_libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data)), f"mount {target}")


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def make_private():
    """Mounts made from now on stay in this mount namespace."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def has_sctp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
        return True
    except OSError:
        return False
