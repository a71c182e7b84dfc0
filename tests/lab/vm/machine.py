"""Starts QEMU with one command for the guest, passes its output on and brings back its exit status."""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import tty

from . import initramfs, kernel

GUEST = pathlib.Path(__file__).with_name("guest.py")
TIMED_OUT = 124
NO_MACHINE = 125
SLOTS = 2  # machines at a time; more would only slow each other down
PR_SET_PDEATHSIG = 1


class MachineError(RuntimeError):
    """The machine could not be started or died before the command ended."""


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def _slot(cache, tell):
    """Holds one of the few slots for running machines; waits, saying so, while all are taken."""
    handles = [open(cache / f"slot.{n}", "w", encoding="ascii") for n in range(SLOTS)]
    told = False
    try:
        while True:
            for handle in handles:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield
                    return
                except BlockingIOError:
                    continue
            if not told:
                tell(f"lab: {SLOTS} machines are running already, waiting for one to end")
                told = True
            time.sleep(0.5)
    finally:
        for handle in handles:
            handle.close()


def _qemu(image, initrd, share, memory, error_fd):
    """Argument vector. Serial ports: 0 the kernel's console (a file), 1 the command's input and output, 2 its errors."""
    program = shutil.which("qemu-system-x86_64")
    if program is None:
        raise MachineError("no qemu-system-x86_64: install qemu-system-x86")
    append = "console=ttyS0,115200 quiet loglevel=3 panic=-1 mitigations=off audit=0 nowatchdog x2lab"
    return [
        program,
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-m",
        str(memory),
        "-smp",
        "2",
        "-display",
        "none",
        "-monitor",
        "none",
        "-no-reboot",
        "-nodefaults",
        "-no-user-config",
        "-nic",
        "none",
        "-kernel",
        str(image),
        "-initrd",
        str(initrd),
        "-append",
        append,
        "-chardev",
        f"file,id=console,path={share}/.vm/console",
        "-serial",
        "chardev:console",
        "-chardev",
        "stdio,id=out,signal=off",
        "-serial",
        "chardev:out",
        "-chardev",
        f"file,id=err,path=/dev/fd/{error_fd},append=on",
        "-serial",
        "chardev:err",
        "-fsdev",
        "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device",
        "virtio-9p-pci,fsdev=root,mount_tag=hostroot",
        "-fsdev",
        f"local,id=share,path={share},security_model=none,multidevs=remap",
        "-device",
        "virtio-9p-pci,fsdev=share,mount_tag=labshare",
    ]


@contextlib.contextmanager
def _raw_terminal(interactive):
    if not (interactive and sys.stdin.isatty()):
        yield
        return
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _pump(process, error_read, deadline):
    """Passes the guest's output on until QEMU ends or the deadline is over; True if it ended by itself."""
    sinks = {process.stdout.fileno(): 1, error_read: 2}
    while sinks:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        ready, _, _ = select.select(list(sinks), [], [], min(left, 1.0))
        for fd in ready:
            data = os.read(fd, 65536)
            if not data:
                del sinks[fd]
                continue
            while data:
                data = data[os.write(sinks[fd], data) :]
        if not ready and process.poll() is not None:
            return True
    try:
        process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _status(control, finished, timeout, tell):
    status = control / "status"
    if status.is_file():
        if (control / "error").is_file():
            tell(f"lab: {(control / 'error').read_text().strip()}")
        return int(status.read_text())
    console = (control / "console").read_text(errors="replace")[-1500:] if (control / "console").is_file() else ""
    if not finished:
        tell(f"lab: stopped after {timeout:g} s; last words of the console:\n{console}")
        return TIMED_OUT
    raise MachineError(f"the machine ended before the command did; last words of the console:\n{console}")


def run(argv, *, cache, share=None, cwd=None, env=None, timeout=600.0, memory=2048, interactive=False, tell):
    """Boots, runs `argv` in the guest and returns its exit status (124: the deadline was over).

    The guest sees the host's / read-only under an overlay, so everything at its usual path; what it writes is gone
    afterwards, except what it puts into /run/x2lab, which is `share` (default: a folder thrown away at the end). `timeout`, in
    seconds, begins with the boot. Raises MachineError or kernel.KernelError.
    """
    cache = pathlib.Path(cache)
    unpacked = kernel.fetch(cache, tell)
    initrd = initramfs.build(unpacked, cache)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_slot(cache, tell))
        if share is None:
            share = stack.enter_context(tempfile.TemporaryDirectory(prefix="x2lab-share-"))
        share = pathlib.Path(share).resolve()
        control = share / ".vm"
        shutil.rmtree(control, ignore_errors=True)
        control.mkdir(parents=True)
        (control / "modules").write_text(str(unpacked.modules.resolve()))
        (control / "guest").write_text(str(GUEST.resolve()))
        window = os.get_terminal_size(1) if interactive and os.isatty(1) else None
        request = {
            "argv": list(argv),
            "cwd": str(cwd or os.getcwd()),
            "env": env or {},
            "tty": interactive,
            "window": [window.lines, window.columns] if window else None,
        }
        (control / "request.json").write_text(json.dumps(request))
        error_read, error_write = os.pipe()
        stack.callback(os.close, error_read)
        deadline = time.monotonic() + timeout
        process = subprocess.Popen(
            _qemu(unpacked.image, initrd, share, memory, error_write),
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(control / "qemu").open("wb"),
            pass_fds=(error_write,),
            start_new_session=False,
            preexec_fn=_die_with_parent,
        )
        stack.callback(_end, process)
        os.close(error_write)
        with _raw_terminal(interactive):
            finished = _pump(process, error_read, deadline)
        _end(process)
        try:
            return _status(control, finished, timeout, tell)
        except MachineError as e:
            raise MachineError(f"{e}\n{(control / 'qemu').read_text(errors='replace')}".rstrip()) from None
