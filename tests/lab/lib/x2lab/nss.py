"""NSS databases for pluto, made with certutil and pk12util."""

import functools
import pathlib
import re

from . import process
from .pki import openssl


def create(folder):
    """An empty database without a password."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    process.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], timeout=60)
    return folder


def add_root(folder, nickname, cert):
    """A trusted root. A pluto that has validated before needs --impair trigger:EVENT_FREE_ROOT_CERTS to see it."""
    process.run(["certutil", "-A", "-d", f"sql:{folder}", "-n", nickname, "-t", "CT,C,C", "-i", cert], timeout=60)


def add_credential(folder, nickname, credential):
    """Certificate and private key, the latter by PKCS#12 with an empty password."""
    package = pathlib.Path(folder) / f".{nickname}.p12"
    openssl(
        "pkcs12",
        "-export",
        "-in",
        credential.cert,
        "-inkey",
        credential.key,
        "-name",
        nickname,
        "-passout",
        "pass:",
        "-out",
        package,
    )
    try:
        process.run(["pk12util", "-i", package, "-d", f"sql:{folder}", "-W", "", "-K", ""], timeout=60)
    finally:
        package.unlink()


@functools.lru_cache(maxsize=None)
def ckaid(folder, nickname):
    """The CKAID by which whack picks exactly this key of a database that does not change any more."""
    for line in process.run(["certutil", "-K", "-d", f"sql:{folder}"], timeout=60).out.splitlines():
        found = re.match(r"<\s*\d+>\s+\w+\s+([0-9a-f]{40})\s+(.*)", line)
        if found and found[2].strip().split(":")[-1] == nickname:
            return found[1]
    raise process.Failed(f"{folder}: no key named {nickname}")
