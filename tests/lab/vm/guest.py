"""Process 1 of the virtual machine: runs the one command that was asked for and powers off.

Reads /run/x2lab/.vm/request.json {argv, cwd, env, tty}; the command's standard input and output are the second serial port,
its standard error the third; its exit status goes to /run/x2lab/.vm/status, a file, since QEMU's own says nothing.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import termios
import tty

CONTROL = "/run/x2lab/.vm"
RB_POWER_OFF = 0x4321FEDC


def raw(fd):
    """Bytes go through as they are: no echo, no line editing, no CR added."""
    tty.setraw(fd)


def open_port(path, flags, cooked):
    fd = os.open(path, flags | os.O_NOCTTY)
    if not cooked:
        raw(fd)
    return fd


def bring_up_loopback():
    """ioctl SIOCSIFFLAGS IFF_UP on lo, so that nothing has to be installed for it."""
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1))


def set_window(fd, window):
    if window:
        import struct

        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", *window, 0, 0))


def start(request):
    interactive = request["tty"]
    out = open_port("/dev/ttyS1", os.O_RDWR, interactive)
    err = out if interactive else open_port("/dev/ttyS2", os.O_RDWR, False)
    set_window(out, request.get("window"))

    def in_child():
        os.setsid()
        if interactive:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    null = os.open("/dev/null", os.O_RDONLY)
    child = subprocess.Popen(
        request["argv"],
        cwd=request["cwd"],
        env=request["env"],
        stdin=out if interactive else null,
        stdout=out,
        stderr=err,
        preexec_fn=in_child,
        restore_signals=True,
    )
    return child.pid, (out, err)


def wait_for(pid):
    """Exit status of `pid` as a shell would say it; every other child that ends meanwhile is reaped as well."""
    while True:
        try:
            ended, status = os.wait()
        except InterruptedError:
            continue
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(f"{CONTROL}/request.json", encoding="utf-8") as f:
        request = json.load(f)
    try:
        bring_up_loopback()
        pid, ports = start(request)
        status = wait_for(pid)
        for port in () if request["tty"] else ports:  # an interactive port was hung up when its session ended
            termios.tcdrain(port)
    except (OSError, termios.error, ValueError) as e:
        with open(f"{CONTROL}/error", "w", encoding="utf-8") as f:
            f.write(f"{request['argv'][0]}: {e}\n")
        status = 127
    with open(f"{CONTROL}/status", "w", encoding="ascii") as f:
        f.write(f"{status}\n")
    os.sync()
    ctypes.CDLL(None).reboot(RB_POWER_OFF)


main()
