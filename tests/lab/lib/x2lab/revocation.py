"""Revocation in the scene: an authority that publishes lists, x2sec-ocspd, and a pluto that asks it."""

import json

from . import layout, moves, process, product, programs
from .product import BOOT_WAIT

PORT = 8081
SIGNER = "x2sec-ocspd"
# As docs/revocation.md says; pluto reads it at its start.
SETUP = "".join(
    f"\t{line}\n"
    for line in (
        "ocsp-enable=yes",
        "ocsp-strict=yes",
        "ocsp-timeout=3",
        "ocsp-uri=http://127.0.0.1:8888/",
        f"ocsp-trustname={SIGNER}",
        "ocsp-method=post",
        "ocsp-cache-size=1",
        "ocsp-cache-min-age=1",
        "ocsp-cache-max-age=1",
    )
)


class Lists:
    """The revocation desk of one authority of the scene, on the core network: its lists, and its OCSP responder."""

    REVOKED = "/run/lab/revoked"

    def __init__(self, scene, authority, next_update=3600):
        self.node, self.daemon = scene["ca"], None
        self.url = f"http://{layout.CA_ADDRESS}:{PORT}/lists/crl.der"
        self.ocsp_url = f"http://{layout.CA_ADDRESS}:{PORT}/ocsp"
        self.words = ["--address", layout.CA_ADDRESS, "--port", PORT, "--next-update", next_update]
        self.words += ["--ca-cert", authority.root.cert, "--ca-key", authority.root.key, "--revoked", self.REVOKED]
        self.node.write(self.REVOKED, "")

    def start(self):
        self.daemon = self.node.start("lists", programs.find("x2-test-crl"), *self.words)
        process.until(
            "the lists are published", lambda: self.daemon.must_run() and "listening" in self.daemon.tail(), BOOT_WAIT
        )
        return self

    def stop(self):
        self.daemon.stop(10)

    def revoke(self, *credentials):
        self.node.write(self.REVOKED, "".join(f"{each.serial()}\n" for each in credentials))


class Ocspd:
    """x2sec-ocspd of one HeNB, trusted and asked by its pluto, which is restarted for that."""

    def __init__(self, scene, letter):
        self.node, self.daemon = scene[letter], None
        self.program = programs.find("x2sec-ocspd")
        made = self.node.run(self.program, "--make-signer", timeout=60).out.strip()
        pluto = scene.plutos[letter]
        pluto.stop()
        self.node.run(
            "certutil", "-A", "-d", "sql:/var/lib/ipsec/nss", "-n", SIGNER, "-t", "C,C,C", "-i", made, timeout=60
        )
        self.node.write("/etc/ipsec.conf", self.node.path("/etc/ipsec.conf").read_text() + SETUP)
        self.start()
        pluto.start()
        moves.restore_backhaul(scene, letter)

    def start(self):
        self.daemon = self.node.start("ocspd", self.program)
        process.until(
            "x2sec-ocspd listens", lambda: self.daemon.must_run() and "ocspd.started" in self.daemon.tail(), BOOT_WAIT
        )
        return self

    def refused(self):
        """Lines of the certificates that it did not say good of."""
        return [line for line in log_of(self.daemon) if "event=ocspd.refused" in line]


def log_of(daemon):
    with open(daemon.log, encoding="utf-8", errors="replace") as f:
        return f.read().splitlines()


def events(daemon, name):
    """Lines of this event in a daemon's log."""
    return [line for line in log_of(daemon) if f"event={name} " in f"{line} "]


def site(scene, story, letters, desk, refresh="2s", lists=True, **overrides):
    """Guard, x2secd and x2sec-ocspd on these HeNBs of vendor 1, whose authority's `desk` gives lists, or else answers OCSP."""
    made = product.Site(scene, story.note)
    made.ocspd = {}
    wanted = {"refresh": refresh, "deadline": "10s", **({"vendor_lists": [desk.url]} if lists else {"vendor_ocsp": [desk.ocsp_url]})}
    for letter in letters:
        made.x2secd[letter] = product.X2secd(scene, letter, revocation=wanted, **overrides)
        made.x2secd[letter].guard_up()
        made.ocspd[letter] = Ocspd(scene, letter)
    for letter in letters:
        made.x2secd[letter].begin()
    for letter in letters:
        made.x2secd[letter].wait_ready()
    return made


def finding(x2secd, check):
    """One finding of x2secctl doctor, or None."""
    out = x2secd.ctl("doctor", "--json", check=False).out
    return next((each for each in json.loads(out) if each["check"] == check), None)
