"""Certificates of the lab, made with the openssl program: vendors', the operator's, and the wrong ones that must be refused."""

import dataclasses
import functools
import hashlib
import pathlib
import re
import ssl

from . import process

OPENSSL = "/usr/bin/openssl"
BEGIN = "20200101000000Z"
END = "20491231235959Z"
TLS_EKU = ("serverAuth", "clientAuth")

_CONFIG = """
[ca]
default_ca = this
[this]
new_certs_dir = {folder}/issued
database = {folder}/index
serial = {folder}/serial
private_key = {folder}/ca.key
certificate = {folder}/ca.pem
default_md = sha256
policy = any
unique_subject = no
email_in_dn = no
copy_extensions = none
[any]
organizationName = optional
organizationalUnitName = optional
commonName = supplied
"""


def openssl(*argv, feed=None):
    return process.run([OPENSSL, *argv], feed=feed, timeout=120)


def new_key(path, kind="P-256"):
    """A private key, PEM PKCS#8: an EC curve's name, or rsa:BITS."""
    if kind.startswith("rsa:"):
        options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}"]
    else:
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-pkeyopt", "ec_param_enc:named_curve"]
    openssl("genpkey", *options, "-out", path)
    pathlib.Path(path).chmod(0o600)


@dataclasses.dataclass(frozen=True)
class Credential:
    """A certificate, its key and the chain above it (PEM files; `chain` ends with the root)."""

    cert: pathlib.Path
    key: pathlib.Path
    chain: tuple

    @functools.lru_cache(maxsize=None)
    def spki_sha256(self):
        """SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal."""
        return hashlib.sha256(_der(openssl("x509", "-in", self.cert, "-noout", "-pubkey").out)).hexdigest()

    def serial(self):
        return openssl("x509", "-in", self.cert, "-noout", "-serial").out.strip().partition("=")[2].lower()

    @functools.lru_cache(maxsize=None)
    def subject(self):
        """RFC 2253 order reversed, as whack's --ca wants it: "O=Vendor 1, CN=Vendor 1 Root"."""
        text = openssl("x509", "-in", self.cert, "-noout", "-subject", "-nameopt", "sep_comma_plus_space,utf8").out
        return re.sub(r"\s*=\s*", "=", text.partition("=")[2].strip())

    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.cert.read_text())


def _der(pem):
    import base64

    return base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))


def _subject(words):
    """ "O=Vendor 1, CN=Root" as openssl's -subj."""
    return "/" + "/".join(word.strip().replace("/", "\\/") for word in words.split(","))


class Authority:
    """A certification authority of the lab in a folder of its own."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.name = name
        self.folder = folder / f"ca-{name}"
        self.root = Credential(self.folder / "ca.pem", self.folder / "ca.key", ())
        self.chain = (self.root.cert,)

    @classmethod
    def create(cls, folder, name, subject, parent=None, key="P-256", start=BEGIN, end=END):
        """A self-signed root, or a subordinate CA of `parent`."""
        made = cls(folder, name)
        (made.folder / "issued").mkdir(parents=True)
        (made.folder / "index").touch()
        (made.folder / "serial").write_text(hashlib.sha256(str(made.folder).encode()).hexdigest()[:14] + "00\n")
        (made.folder / "config").write_text(_CONFIG.format(folder=made.folder))
        new_key(made.root.key, key)
        extensions = [
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign,cRLSign",
            "subjectKeyIdentifier=hash",
        ]
        if parent is None:
            made._sign(made.root.key, subject, extensions, start, end, made.root.cert, self_signed=True)
        else:
            parent._sign(
                made.root.key, subject, [*extensions, "authorityKeyIdentifier=keyid"], start, end, made.root.cert
            )
            made.chain = (made.root.cert, *parent.chain)
        return made

    def cross_sign(self, other, words, target):
        """A cross-certificate: this authority vouches for the root of `other`, whose subject is `words`. The PEM file `target`."""
        extensions = [
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign,cRLSign",
            "subjectKeyIdentifier=hash",
            "authorityKeyIdentifier=keyid",
        ]
        self._sign(other.root.key, words, extensions, BEGIN, END, target)
        return target

    def issue(
        self,
        name,
        subject,
        dns=(),
        ips=(),
        eku=TLS_EKU,
        extensions=(),
        key="P-256",
        use_key=None,
        start=BEGIN,
        end=END,
        folder=None,
    ):
        """An end entity certificate `<name>.pem` with key `<name>.key` (or `use_key`, an existing file)."""
        folder = pathlib.Path(folder or self.folder.parent)
        key_file = pathlib.Path(use_key) if use_key else folder / f"{name}.key"
        if not use_key:
            new_key(key_file, key)
        lines = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            "subjectKeyIdentifier=hash",
            "authorityKeyIdentifier=keyid",
        ]
        names = [f"DNS:{d}" for d in dns] + [f"IP:{i}" for i in ips]
        lines += [f"subjectAltName={','.join(names)}"] if names else []
        lines += [f"extendedKeyUsage={','.join(eku)}"] if eku else []
        self._sign(key_file, subject, [*lines, *extensions], start, end, folder / f"{name}.pem")
        return Credential(folder / f"{name}.pem", key_file, self.chain)

    def _sign(self, key_file, subject, extensions, start, end, target, self_signed=False):
        request = target.with_suffix(".csr")
        openssl("req", "-new", "-key", key_file, "-subj", _subject(subject), "-out", request)
        ext = target.with_suffix(".ext")
        ext.write_text("\n".join(extensions) + "\n")
        signer = ["-selfsign", "-keyfile", key_file] if self_signed else []
        openssl(
            "ca",
            "-batch",
            "-notext",
            "-config",
            self.folder / "config",
            *signer,
            "-in",
            request,
            "-extfile",
            ext,
            "-startdate",
            start,
            "-enddate",
            end,
            "-out",
            target,
        )
        request.unlink()
        ext.unlink()


def self_signed(folder, name, subject, dns, key="P-256"):
    """A certificate that nobody vouches for."""
    lonely = Authority.create(pathlib.Path(folder), name, subject, key=key)
    return lonely.issue(f"{name}-self", subject, dns=dns, use_key=lonely.root.key, folder=folder)


def bundle(target, *certificates):
    """One PEM file of several."""
    pathlib.Path(target).write_text("".join(pathlib.Path(c).read_text() for c in certificates))
    return pathlib.Path(target)
