"""A PKCS#11 token (SoftHSM2, which stands for the TrE) on a HeNB, in the place of key files."""

import shutil

from . import moves, nss, pluto

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL = "TRE"
PIN = "47110815"
TOKENS = "/var/lib/softhsm/tokens"
AWAY = "/var/lib/softhsm/away"
PLUTOS_PINS = "/etc/ipsec.d/nsspassword"
DATABASE = f"sql:{pluto.NSS_FOLDER}"


class Token:
    """The token of one HeNB, as the factory leaves it: vendor key and certificate in it, nowhere else on the node."""

    def __init__(self, scene, letter):
        self.scene, self.letter, self.node = scene, letter, scene[letter]
        scene.plutos[letter].stop()
        self.node.path(TOKENS).mkdir(parents=True, exist_ok=True)
        self._make()
        self._database()
        self.pin(PIN)
        scene.plutos[letter].start()
        moves.restore_backhaul(scene, letter)

    def _make(self):
        own = self.scene.material.henb(self.letter)
        self.node.run(
            "softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678", timeout=60
        )
        key = self.node.write("/run/lab/vendor.key", own.key.read_text(), 0o600)
        ckaid = nss.ckaid(self.scene.material.nss(self.letter), "vendor")
        self.node.run(
            *("softhsm2-util", "--import", key, "--token", LABEL, "--label", "vendor", "--id", ckaid, "--pin", PIN),
            timeout=60,
        )
        self.node.path(key).unlink()

    def _database(self):
        """pluto's NSS database anew: roots, and the module; no key."""
        material = self.scene.material
        folder = nss.create(self.scene.artefacts / f"nss-{self.letter}-token")
        nss.add_root(folder, "operator-root", material.operator.root.cert)
        nss.add_root(folder, "vendor-root", material.vendor_root(self.letter).cert)
        place = self.node.path(pluto.NSS_FOLDER)
        shutil.rmtree(place)
        shutil.copytree(folder, place)
        place.chmod(0o700)
        shutil.rmtree(folder)
        self.node.run("modutil", "-force", "-dbdir", DATABASE, "-add", "tre", "-libfile", MODULE, timeout=60)
        pins = self.node.write("/run/lab/pin", PIN + "\n", 0o600)
        vendor = self.node.write("/run/lab/vendor.pem", material.henb(self.letter).cert.read_text())
        self.node.run(
            *("certutil", "-A", "-h", LABEL, "-n", "vendor", "-t", ",,", "-i", vendor, "-f", pins, "-d", DATABASE),
            timeout=60,
        )

    def pin(self, pin):
        """What pluto and x2secd are told."""
        self.node.write(PLUTOS_PINS, f"{LABEL}:{pin}\n", 0o600)

    def keys(self, place=LABEL):
        """Ckaids of private keys in the token, or in the database itself ("internal")."""
        listed = self.node.run(
            *("certutil", "-K", "-h", place, "-f", "/run/lab/pin", "-d", DATABASE), timeout=60, check=False
        ).out
        return {word for line in listed.splitlines() for word in line.split() if len(word) == 40}

    def take_away(self):
        self._move(TOKENS, AWAY)

    def give_back(self):
        self._move(AWAY, TOKENS)

    def _move(self, source, target):
        """What is in the folder: the folder itself may be of the machine, below the node's overlay."""
        self.node.path(target).mkdir(exist_ok=True)
        for each in self.node.path(source).iterdir():
            each.rename(self.node.path(target) / each.name)


def tables():
    """What x2secd's configuration has for it."""
    return {"credentials": {"vendor_key": f"pkcs11:token={LABEL}"}, "token": {"module": MODULE}}


def private_value(credential, place):
    """The octets of an EC private key: what may be nowhere on the node."""
    from .pki import openssl

    target = place / "private.der"
    openssl("ec", "-in", credential.key, "-outform", "DER", "-out", target)
    der = target.read_bytes()
    target.unlink()
    at = der.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey: version 1, OCTET STRING (RFC 5915 §3)
    return der[at : at + 32]
