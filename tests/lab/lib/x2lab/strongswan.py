"""Debian's strongSwan as the IKE daemon of a node, in pluto's place.

Its packages conflict with libreswan's: they are downloaded, unpacked into the cache and seen by that node only.
"""

import pathlib
import re
import shutil
import tempfile

from . import process, programs

GROUP = "unpacked"  # of packaging/debian-packages.txt
CHARON = "/usr/lib/ipsec/charon"
SETTINGS = """charon {
 load = random drbg nonce aes sha1 sha2 hmac kdf pem pkcs1 pkcs8 x509 pubkey constraints openssl gcm kernel-netlink socket-default vici
 install_routes = no
 make_before_break = yes
 reuse_ikesa = no
 retransmit_tries = 3
 filelog {
  stderr {
   default = 1
   ike = 2
   flush_line = yes
  }
 }
}
"""


def _folder():
    return programs.CACHE / "strongswan"


def packages():
    """Those that are unpacked, of packaging/debian-packages.txt."""
    lines = (programs.TOP / "packaging" / "debian-packages.txt").read_text().splitlines()
    return [name for line in lines if line.startswith(f"{GROUP}:") for name in line.partition(":")[2].split()]


def fetch(cache, tell):
    """Downloads and unpacks strongSwan where it is not there. Needs the network: call it on the host."""
    stamp = cache / "strongswan" / ".complete"
    wanted = " ".join(packages())
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    cache.mkdir(parents=True, exist_ok=True)
    tell("lab: downloading strongSwan (1 MB, once)")
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as folder:
        process.run(["apt-get", "download", *packages()], cwd=folder, timeout=300)
        unpacked = pathlib.Path(folder) / "strongswan"
        for archive in sorted(pathlib.Path(folder).glob("*.deb")):
            process.run(["dpkg", "-x", archive, unpacked], timeout=60)
        (unpacked / ".complete").write_text(wanted)
        shutil.rmtree(cache / "strongswan", ignore_errors=True)
        unpacked.rename(cache / "strongswan")


class StrongSwan:
    """strongSwan of one node, which has no pluto any more. `credential`: its certificate and key; `root`: what it trusts."""

    def __init__(self, node, credential, root):
        self.node, self.daemon = node, None
        usr = _folder() / "usr"
        layers = f"lowerdir={usr / 'lib'}:/usr/lib"
        node.run("mount", "-t", "overlay", "overlay", "-o", layers, "/usr/lib")
        self.program = usr / "sbin" / "swanctl"
        node.write("/etc/strongswan.conf", SETTINGS)
        node.write("/etc/swanctl/x509/own.pem", credential.cert.read_text())
        node.write("/etc/swanctl/private/own.key", credential.key.read_text(), 0o600)
        node.write("/etc/swanctl/x509ca/root.pem", root.cert.read_text())

    def start(self, connections, timeout=60):
        """Starts charon and loads `connections`, the text of swanctl.conf."""
        self.node.write("/etc/swanctl/swanctl.conf", connections)
        self.daemon = self.node.start("charon", CHARON)
        process.until("charon answers", lambda: self.daemon.must_run() and self._answers(), timeout, every=0.2)
        self.ctl("--load-all")
        return self

    def _answers(self):
        return self.ctl("--stats", check=False).status == 0

    def ctl(self, *argv, timeout=30, check=True):
        return self.node.run(self.program, *argv, timeout=timeout, check=check)

    def ike_serials(self):
        """Numbers of the IKE SAs that are established, oldest first."""
        found = re.findall(r"#(\d+), ESTABLISHED", self.ctl("--list-sas", check=False).out)
        return sorted(int(n) for n in found)

    def kill(self):
        """kill -9: what it gave the kernel stays."""
        self.daemon.kill()
