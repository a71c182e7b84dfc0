"""Fetches Debian's stock kernel once, unpacks it into the cache and knows its modules.

The kernel is never installed: the package is downloaded with apt-get, unpacked with dpkg -x, trimmed to what the lab can
use and indexed with depmod. The cache is complete when its stamp file exists; anything else is made anew.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

# Folders and files of lib/modules/<release>/kernel that the lab can use; the rest (sound, graphics, …) is thrown away.
KEPT = (
    "arch",
    "crypto",
    "lib",
    "net",
    "fs/9p",
    "fs/overlayfs",
    "fs/netfs",
    "fs/fscache",
    "fs/fuse",
    "fs/ext4",
    "fs/jbd2",
    "fs/mbcache.ko",
    "drivers/md",
    "drivers/net",
    "drivers/virtio",
    "drivers/char",
    "drivers/block",
    "drivers/crypto",
)

# What has to be loaded before the root can be mounted.
BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")

PACKAGE = re.compile(r"^linux-image-6\.1\.\d+-\d+-amd64$")


class KernelError(RuntimeError):
    """The kernel could not be fetched or is not usable; the message says why and what to do."""


class Kernel:
    """An unpacked kernel: its image, its release and the folder that belongs on /lib/modules."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        images = sorted(root.glob("boot/vmlinuz-*"))
        if len(images) != 1:
            raise KernelError(f"{root}: expected one boot/vmlinuz-*, found {len(images)}")
        self.image = images[0]
        self.release = images[0].name[len("vmlinuz-") :]
        self.modules = root / "lib" / "modules"

    def load_order(self, wanted=BOOT_MODULES):
        """Files of the wanted modules and of all they depend on, each after what it depends on."""
        base = self.modules / self.release
        depends = {}
        for line in (base / "modules.dep").read_text().splitlines():
            module, _, needs = line.partition(":")
            depends[module] = needs.split()
        by_name = {pathlib.Path(m).name.split(".")[0].replace("-", "_"): m for m in depends}
        builtin = {
            pathlib.Path(m).name.split(".")[0].replace("-", "_")
            for m in (base / "modules.builtin").read_text().splitlines()
        }
        order = []
        for name in wanted:
            key = name.replace("-", "_")
            if key in builtin:
                continue
            if key not in by_name:
                raise KernelError(f"kernel {self.release} has no module {name}")
            for module in [*reversed(depends[by_name[key]]), by_name[key]]:
                if module not in order:
                    order.append(module)
        return [base / module for module in order]


def _run(argv, cwd=None):
    done = subprocess.run(
        argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600
    )
    if done.returncode != 0:
        raise KernelError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _package_name():
    """The kernel that linux-image-amd64 stands for, else the newest 6.1 one that apt knows."""
    for line in _run(["apt-cache", "depends", "linux-image-amd64"]).splitlines():
        name = line.partition("Depends:")[2].strip()
        if PACKAGE.match(name):
            return name
    names = [
        line.split(" ")[0] for line in _run(["apt-cache", "search", "--names-only", "^linux-image-6.1"]).splitlines()
    ]
    names = sorted((n for n in names if PACKAGE.match(n)), key=lambda n: [int(x) for x in re.findall(r"\d+", n)])
    if not names:
        raise KernelError(
            "apt knows no linux-image-6.1.*-amd64: run `apt-get update` and see that main is in the sources"
        )
    return names[-1]


def _trim(root: pathlib.Path):
    shutil.rmtree(root / "usr", ignore_errors=True)
    for release in (root / "lib" / "modules").iterdir():
        top = release / "kernel"
        kept = release / "kernel.kept"
        for name in KEPT:
            if (top / name).exists():
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).rename(kept / name)
        shutil.rmtree(top)
        kept.rename(top)
        _run(["/sbin/depmod", "-b", str(root), release.name])


def fetch(cache: pathlib.Path, tell) -> Kernel:
    """The kernel in `cache`; downloads and unpacks it first where it is not there, or has not all that is kept. `tell` takes progress lines."""
    root = cache / "kernel"
    stamp = root / ".complete"
    if stamp.is_file() and stamp.read_text().splitlines()[1:] == list(KEPT):
        return Kernel(root)
    cache.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as folder:
        package = _package_name()
        tell(f"lab: downloading {package} (70 MB, once)")
        _run(["apt-get", "download", package], cwd=folder)
        archives = list(pathlib.Path(folder).glob("*.deb"))
        if len(archives) != 1:
            raise KernelError(f"apt-get download {package} left {len(archives)} archives")
        tell("lab: unpacking the kernel")
        unpacked = pathlib.Path(folder) / "kernel"
        _run(["dpkg", "-x", str(archives[0]), str(unpacked)])
        _trim(unpacked)
        (unpacked / ".complete").write_text("\n".join((package, *KEPT)) + "\n")
        unpacked.rename(root)
    return Kernel(root)
