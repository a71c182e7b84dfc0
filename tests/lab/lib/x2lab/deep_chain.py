"""The largest certificates that the product promises to work with: root, sub-CA and devices with RSA keys of 4096 bits, made once."""

import fcntl
import hashlib
import pathlib
import shutil

from . import layout, material, pki, programs

LETTERS = "ab"
KEY = "rsa:4096"
ROOT, SUB = "O=Vendor 9, CN=Vendor 9 Root", "O=Vendor 9, OU=Home base stations, CN=Vendor 9 Device CA"


class DeepChain:
    """`root`, the credentials of HeNBs, each below a sub-CA that the other does not know, and the operator's configuration signer."""

    def __init__(self, folder):
        self.root = pki.Authority(folder, "root").root
        self.folder = folder

    def henb(self, letter):
        return self._credential(f"henb-{letter}", pki.Authority(self.folder, f"sub-{letter}").root.cert, self.root.cert)

    def signer(self):
        return self._credential("signer", self.root.cert)

    def _credential(self, name, *chain):
        return pki.Credential(self.folder / f"{name}.pem", self.folder / f"{name}.key", chain)


def _folder(cache):
    return cache / f"deep-chain-{hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:12]}"


def _make(folder):
    root = pki.Authority.create(folder, "root", ROOT, key=KEY)
    for letter in LETTERS:
        sub = pki.Authority.create(folder, f"sub-{letter}", f"{SUB} {letter.upper()}", parent=root, key=KEY)
        identity = layout.HENBS[letter].id
        sub.issue(f"henb-{letter}", f"O=Vendor 9, OU=Home base stations, CN={identity}", dns=(identity,), key=KEY)
    material.issue_signer(root, "signer")


def fetch(cache, tell):
    """Makes the chain where it is not there: on the host, since such keys take minutes in the machine."""
    folder = _folder(cache)
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "pki.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / ".complete").is_file():
            return
        tell("lab: making RSA keys of 4096 bits")
        for old in cache.glob("deep-chain-*"):
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir()
        _make(folder)
        (folder / ".complete").touch()


def load():
    """The chain that `fetch` made."""
    return DeepChain(_folder(programs.CACHE))
