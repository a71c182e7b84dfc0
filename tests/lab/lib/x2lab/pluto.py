"""A node's pluto: started in the foreground with a database of its own, spoken to with whack."""

import re
import shutil

from . import layout, nss, process

PLUTO = "/usr/libexec/ipsec/pluto"
WHACK = "/usr/libexec/ipsec/whack"
NSS_FOLDER = "/var/lib/ipsec/nss"
X2_SECRETS = "/run/henb-x2sec/x2.secrets"
CONFIG = "config setup\n\tdumpdir=/run/pluto\n\tvirtual-private=\n"
SUITES = ("--ike", "aes_gcm256-sha2_256-ecp256", "--esp", "aes_gcm256-none-ecp256")
TIMERS = (
    "--esn",
    "--no-esn",
    "--replay-window",
    "2048",
    "--ikelifetime",
    "86400",
    "--ipseclifetime",
    "86400",
    "--retransmit-timeout",
    "10",
    "--dpddelay",
    "3",
    "--dpdtimeout",
    "30",
    "--dpdaction",
    "clear",
)


def _suites(extra):
    """The lab's suites but for those that `extra` names: whack takes each option once."""
    return [word for pair in (SUITES[:2], SUITES[2:]) if pair[0] not in extra for word in pair]


class Pluto:
    """pluto of one node."""

    def __init__(self, node, database, setup=""):
        """`database`: the NSS folder to copy; `setup`: more lines for `config setup` (each with a leading tab)."""
        self.node = node
        self.daemon = None
        shutil.copytree(database, node.path(NSS_FOLDER), dirs_exist_ok=True)
        node.path(NSS_FOLDER).chmod(0o700)
        node.write("/etc/ipsec.conf", CONFIG + setup)
        node.write("/etc/ipsec.secrets", f"include {X2_SECRETS}\n", 0o600)

    def begin(self):
        """Starts it without waiting: several can come up at the same time."""
        self.node.path("/run/pluto/pluto.pid").unlink(missing_ok=True)
        self.daemon = self.node.start("pluto", PLUTO, "--config", "/etc/ipsec.conf", "--nofork", "--stderrlog")
        return self

    def wait_ready(self, timeout=60):
        process.until(
            f"pluto of {self.node.name} answers",
            lambda: self.daemon.must_run() and self._listening(),
            timeout,
            every=0.2,
        )
        return self

    def start(self):
        return self.begin().wait_ready()

    def _listening(self):
        if not self.node.path("/run/pluto/pluto.ctl").exists():
            return False
        return self.whack("--listen", check=False).status == 0

    def whack(self, *argv, timeout=30.0, check=False):
        """Mind: exit status 0 proves nothing."""
        return self.node.run(WHACK, *argv, timeout=timeout, check=check)

    def stop(self):
        """An orderly end: pluto deletes its states."""
        self.whack("--shutdown")
        self.daemon.wait(30)

    def kill(self):
        """kill -9: kernel states and policies stay."""
        self.daemon.kill()

    def restart(self):
        if self.daemon.running():
            self.stop()
        self.start()

    def running(self):
        return self.daemon is not None and self.daemon.running()

    def traffic(self):
        return self.whack("--trafficstatus").out

    def has_child(self, name):
        """True when pluto says that a child SA of this connection is established."""
        return re.search(rf'"{re.escape(name)}"', self.traffic()) is not None

    def ckaid(self, nickname):
        for line in self.node.run("certutil", "-K", "-d", f"sql:{NSS_FOLDER}", timeout=60).out.splitlines():
            found = re.match(r"<\s*\d+>\s+\w+\s+([0-9a-f]{40})\s+(.*)", line)
            if found and found[2].strip().split(":")[-1] == nickname:
                return found[1]
        raise process.Failed(f"{self.node.name}: no key named {nickname} in NSS")

    def _checked_add(self, name, *argv):
        result = self.whack("--name", name, *argv, timeout=120)  # a host that is busy with compilers
        if f'"{name}": added' not in result.out and f'"{name}": added' not in result.err:
            raise process.Failed(str(result))

    def add_certificate(self, name, me, peer, ckaid, peer_ca, reqid, *extra, mode="--tunnel"):
        """A connection by certificates. `me` and `peer` are End. Without `peer_ca` any root of the database will do."""
        self._checked_add(
            name,
            *me.words(),
            "--ckaid",
            ckaid,
            "--authby",
            "ecdsa",
            "--sendcert",
            "always",
            "--updown",
            "%disabled",
            "--to",
            *peer.words(),
            *(("--ca", peer_ca) if peer_ca else ()),
            "--authby",
            "ecdsa",
            "--sendcert",
            "always",
            "--ikev2",
            "--encrypt",
            "--pfs",
            "--ecdsa",
            mode,
            "--overlapip",
            "--reqid",
            reqid,
            *_suites(extra),
            "--ikefrag-allow",
            *TIMERS,
            *extra,
        )

    def add_psk(self, name, me, peer, reqid, *extra, mode="--tunnel"):
        """A connection by PSK; the secret must be in a secrets file (see `secret`)."""
        self._checked_add(
            name,
            *me.words(),
            "--authby",
            "psk",
            "--updown",
            "%disabled",
            "--to",
            *peer.words(),
            "--authby",
            "psk",
            "--ikev2",
            "--encrypt",
            "--pfs",
            "--psk",
            mode,
            "--overlapip",
            "--reqid",
            reqid,
            *_suites(extra),
            "--ikefrag-allow",
            *TIMERS,
            *extra,
        )

    def secret(self, me, peer, key_hex, path=X2_SECRETS):
        """One PSK by the exact pair of identities, and pluto reads its secrets anew."""
        self.node.write(path, f"@{me} @{peer} : PSK 0x{key_hex}\n", 0o600)
        self.whack("--rereadsecrets")

    def initiate(self, name, timeout=30):
        """Starts a connection and waits until pluto says that the child SA is there."""
        self.whack("--initiate", "--name", name, "--asynchronous")
        process.until(f"{self.node.name}: child SA of {name}", lambda: self.has_child(name), timeout, every=0.2)


class End:
    """One end of a connection."""

    def __init__(self, identity, host, client=None):
        self.identity, self.host, self.client = identity, host, client

    def words(self):
        client = ["--client", self.client] if self.client else []
        return ["--id", f"@{self.identity}", "--host", self.host, *client]


def _backhaul_ends(henb):
    """The HeNB's end and the SeGW's."""
    return End(henb.id, henb.wan, f"{henb.inner}/32"), End(layout.SEGW_ID, layout.SEGW_WAN, layout.CORE_NETWORK)


def add_backhaul_at_henb(henb_pluto, henb, material):
    me, segw = _backhaul_ends(henb)
    ckaid, root = nss.ckaid(material.nss(henb.letter), "vendor"), material.operator.root.subject()
    henb_pluto.add_certificate(layout.BACKHAUL, me, segw, ckaid, root, layout.BACKHAUL_REQID)


def add_backhaul_at_gateway(gateway_pluto, henb, material, any_root=False):
    """`any_root`: it takes a certificate of the vendor and of the operator alike, not the vendor's alone."""
    henbs, segw = _backhaul_ends(henb)
    ckaid, root = nss.ckaid(material.nss("gw"), "segw"), None if any_root else material.vendor_root(henb.letter).subject()
    gateway_pluto.add_certificate(f"{layout.BACKHAUL}-{henb.letter}", segw, henbs, ckaid, root, layout.BACKHAUL_REQID + henb.number)


def add_backhaul(henb_pluto, gateway_pluto, henb, material):
    """The tunnel that the HeNB has to its SeGW before this product comes into play: added at both ends, not yet started."""
    add_backhaul_at_henb(henb_pluto, henb, material)
    add_backhaul_at_gateway(gateway_pluto, henb, material)
