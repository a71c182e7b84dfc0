"""Builds the initramfs: static busybox, the modules that the root needs, and the `init` script beside this file.

The archive is written here (cpio "newc"), so that no other program is needed.
"""

import hashlib
import pathlib
import shutil
import stat

from . import kernel as kernels

INIT = pathlib.Path(__file__).with_name("init")
FOLDERS = ("bin", "proc", "sys", "dev", "modules", "lower", "rw", "root", "share")


class _Archive:
    def __init__(self):
        self.parts = []
        self.inode = 0

    def add(self, name, mode, data=b"", rdev=(0, 0)):
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        for piece in (header + name.encode() + b"\0", data):
            self.parts.append(piece + b"\0" * (-len(piece) % 4))

    def bytes(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def _busybox():
    for path in ("/usr/bin/busybox", "/bin/busybox"):
        if pathlib.Path(path).is_file():
            data = pathlib.Path(path).read_bytes()
            if b"/lib64/ld-linux" in data:
                raise kernels.KernelError(f"{path} is not static: install busybox-static")
            return data
    raise kernels.KernelError("no busybox: install busybox-static")


def build(kernel: kernels.Kernel, cache: pathlib.Path) -> pathlib.Path:
    """Path of the initramfs for this kernel; made anew only when something that goes into it has changed."""
    archive = _Archive()
    for folder in FOLDERS:
        archive.add(folder, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))
    archive.add("bin/busybox", stat.S_IFREG | 0o755, _busybox())
    archive.add("init", stat.S_IFREG | 0o755, INIT.read_bytes())
    for number, module in enumerate(kernel.load_order()):
        archive.add(f"modules/{number:02d}-{module.name}", stat.S_IFREG | 0o644, module.read_bytes())
    data = archive.bytes()
    target = cache / f"initramfs-{hashlib.sha256(data).hexdigest()[:16]}.cpio"
    if not target.is_file():
        for old in cache.glob("initramfs-*.cpio"):
            old.unlink(missing_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(data)
        shutil.move(partial, target)
    return target
