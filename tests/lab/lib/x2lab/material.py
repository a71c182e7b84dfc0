"""The keys and certificates of the scene, made once and kept in the cache (`build/lab/pki-…`)."""

import fcntl
import hashlib
import pathlib
import shutil

from . import layout, nss, pki

VENDORS = (1, 2, 3)
OID_ARC = "2.25.221758226173210713790529050244678140854"  # docs/oids.md
OID_CONFIGURATION_SIGNER = f"{OID_ARC}.1.1"
OID_AUTHORISED_DEVICES = f"{OID_ARC}.2.1"
OID_OPERATOR = f"{OID_ARC}.2.2"


def issue_signer(
    authority, name, devices=None, operator=layout.OPERATOR_DOMAIN, eku=(OID_CONFIGURATION_SIGNER,), **options
):
    """A configuration signer's certificate below a vendor's root. Wrong ones: other `devices`, `operator` or `eku`, and what
    Authority.issue takes."""
    devices = [h.id for h in layout.HENBS.values()] if devices is None else devices
    lines = [f"{OID_AUTHORISED_DEVICES}=ASN1:SEQUENCE:devices", f"{OID_OPERATOR}=ASN1:UTF8:{operator}", "[devices]"]
    lines += [f"device{n}=UTF8:{device}" for n, device in enumerate(devices)]
    return authority.issue(name, "O=Operator, CN=Configuration signer", eku=eku, extensions=lines, **options)


class Material:
    """All credentials by name. Made by `load`, which takes them from the cache where they are there."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.vendors = {n: pki.Authority(folder, f"vendor{n}") for n in VENDORS}
        self.operator = pki.Authority(folder, "operator")

    def henb(self, letter):
        """Vendor credential of a HeNB."""
        return self._credential(f"henb-{letter}", self.vendors[layout.HENBS[letter].vendor])

    def vendor_root(self, letter):
        return self.vendors[layout.HENBS[letter].vendor].root

    def operator_credential(self, name):
        """segw, keydist, ra (the RA/CA's own), oam: certificates under the operator's root."""
        return self._credential(name, self.operator)

    def signer(self, vendor):
        """The operator's configuration signer below this vendor's root."""
        return self._credential(f"signer-vendor{vendor}", self.vendors[vendor])

    def nss(self, name):
        """NSS database of a HeNB (its letter) or of the gateway (`gw`)."""
        return self.folder / f"nss-{name}"

    def _credential(self, name, authority):
        return pki.Credential(self.folder / f"{name}.pem", self.folder / f"{name}.key", authority.chain)


def _make(folder):
    made = Material(folder)
    for n in VENDORS:
        made.vendors[n] = pki.Authority.create(folder, f"vendor{n}", f"O=Vendor {n}, CN=Vendor {n} Root")
    made.operator = pki.Authority.create(folder, "operator", "O=Operator, CN=Operator Root")
    for h in layout.HENBS.values():
        made.vendors[h.vendor].issue(f"henb-{h.letter}", f"O=Vendor {h.vendor}, CN={h.id}", dns=(h.id,))
    made.operator.issue("segw", f"O=Operator, CN={layout.SEGW_ID}", dns=(layout.SEGW_ID,))
    made.operator.issue(
        "keydist", f"O=Operator, CN={layout.KEYDIST_NAME}", dns=(layout.KEYDIST_NAME,), ips=(layout.KEYDIST_ADDRESS,)
    )
    made.operator.issue(
        "ra", "O=Operator, CN=Operator RA", dns=(f"ra.{layout.OPERATOR_DOMAIN}",), ips=(layout.CA_ADDRESS,)
    )
    made.operator.issue("oam", "O=Operator, CN=OAM", dns=(f"oam.{layout.OPERATOR_DOMAIN}",), ips=(layout.OAM_ADDRESS,))
    for n in VENDORS:
        issue_signer(made.vendors[n], f"signer-vendor{n}")
    for h in layout.HENBS.values():
        database = nss.create(made.nss(h.letter))
        nss.add_root(database, "operator-root", made.operator.root.cert)
        nss.add_root(database, f"vendor{h.vendor}-root", made.vendors[h.vendor].root.cert)
        nss.add_credential(database, "vendor", made.henb(h.letter))
    database = nss.create(made.nss("gw"))
    for n in VENDORS:
        nss.add_root(database, f"vendor{n}-root", made.vendors[n].root.cert)
    nss.add_root(database, "operator-root", made.operator.root.cert)
    nss.add_credential(database, "segw", made.operator_credential("segw"))
    return made


def _version():
    """Changes when the code that makes the material changes."""
    digest = hashlib.sha256()
    for name in ("material.py", "pki.py", "nss.py", "layout.py"):
        digest.update(pathlib.Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()


def load(cache: pathlib.Path, tell=lambda line: None) -> Material:
    """The material in `cache`; made anew when the code that makes it has changed. One folder for each state of that code, so that
    a lab that is running keeps its own."""
    folder = cache / f"pki-{_version()[:12]}"
    stamp = folder / ".complete"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "pki.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file():
            tell("lab: making keys and certificates")
            for old in [folder, *sorted(cache.glob("pki-*"), key=lambda f: f.stat().st_mtime)[:-3]]:
                shutil.rmtree(old, ignore_errors=True)
            folder.mkdir()
            _make(folder)
            stamp.touch()
    return Material(folder)
