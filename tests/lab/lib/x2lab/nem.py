"""nem-gateway in the scene, beside the operator's OAM, and what somebody else may bring it over HTTPS."""

import json
import signal

from . import layout, pki, process, product, programs, revocation

NAME = f"nem.{layout.OPERATOR_DOMAIN}"
ADDRESS, PORT = layout.OAM_ADDRESS, 8445
ENROLMENT = {"nem_url": f"https://{NAME}:{PORT}", "nem_address": ADDRESS, "transport": "BACKHAUL"}
PLACE = "/etc/nem-gateway"
_POST = """
import http.client, ssl, sys
address, port, name, root, certificate, key, request = sys.argv[1:8]
trust = ssl.create_default_context(cafile=root)
if certificate:
    trust.load_cert_chain(certificate, key)
class To(http.client.HTTPSConnection):
    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = trust.wrap_socket(self.sock, server_hostname=name)
with open(request, "rb") as f:
    body = f.read()
there = To(address, int(port), timeout=15)
there.request("POST", "/nem/v1/requests", body, {"Content-Type": "application/pkcs10"})
answer = there.getresponse()
print(answer.status, answer.read(500).decode(errors="replace").strip())
"""


class Nem:
    """nem-gateway on node oam. Its store outlives `kill()`. `ra`: False where the RA/CA is offline (manual mode)."""

    CONFIG = f"{PLACE}/nem-gateway.toml"

    def __init__(self, scene, devices=(), vendors=(1, 2), ra=True, **overrides):
        self.scene, self.node, self.daemon = scene, scene["oam"], None
        operator = scene.material.operator
        self.server = operator.issue("nem-server", f"O=Operator, CN={NAME}", dns=(NAME,), folder=scene.artefacts)
        self.credential = operator.issue("nem-cmp", "O=Operator, CN=NEM", folder=scene.artefacts)
        for name, each in (("server", self.server), ("cmp", self.credential)):
            self.node.write(f"{PLACE}/{name}.pem", each.cert.read_text())
            self.node.write(f"{PLACE}/{name}.key", each.key.read_text(), 0o600)
        roots = "".join(scene.material.vendors[n].root.cert.read_text() for n in vendors)
        self.node.write(f"{PLACE}/vendor-roots.pem", roots)
        self.node.write(f"{PLACE}/operator-root.pem", operator.root.cert.read_text())
        self.node.path("/var/lib/nem-gateway").mkdir(mode=0o700, exist_ok=True)
        self.allow(devices)
        tables = {
            "server": {
                "listen": f"{ADDRESS}:{PORT}",
                "certificate": f"{PLACE}/server.pem",
                "key": f"{PLACE}/server.key",
            },
            "devices": {
                "list": f"{PLACE}/devices",
                "vendor_root": f"{PLACE}/vendor-roots.pem",
                "requests_per_hour": 60,
                "revoke_old_after": "5s",
            },
            "ra": {"operator_root": f"{PLACE}/operator-root.pem", "message_timeout": "60s"},
            "log": {"level": "debug"},
        }
        if ra:
            tables["ra"] |= {
                "url": f"http://{layout.CA_ADDRESS}:{layout.CA_PORT}/pkix/",
                "recipient": product.TestCa.RA_NAME,
                "certificate": f"{PLACE}/cmp.pem",
                "key": f"{PLACE}/cmp.key",
            }
        for table, keys in overrides.items():
            tables.setdefault(table, {}).update(keys)
        self.node.write(self.CONFIG, product.toml(tables))

    def allow(self, letters):
        """The operator's list. A running NEM reads it."""
        self.node.write(f"{PLACE}/devices", "".join(f"{layout.HENBS[e].id}\n" for e in letters))
        if self.daemon:
            before = self.said("nem.reloaded")
            self.daemon.send(signal.SIGHUP)
            process.until("the NEM has read its list", lambda: self.said("nem.reloaded") > before, 20)

    def start(self):
        before = self.said("nem.started") if self.daemon else 0
        self.daemon = self.node.start("nem", programs.find("nem-gateway"), "--config", self.CONFIG)
        process.until(
            "the NEM listens", lambda: self.daemon.must_run() and self.said("nem.started") > before, product.BOOT_WAIT
        )
        return self

    def said(self, event):
        """How often its log has this event."""
        return len(revocation.events(self.daemon, event))

    def kill(self):
        self.daemon.kill()

    def ctl(self, *argv, check=True):
        return self.node.run(programs.find("nem-gateway"), "--config", self.CONFIG, *argv, timeout=60, check=check)

    def requests(self, letter=None, *states):
        """Its requests, of one HeNB and in these states where given."""
        known = json.loads(self.ctl("list", "--json").out)
        if letter:
            known = [r for r in known if r["device"] == layout.HENBS[letter].id]
        return [r for r in known if not states or r["state"] in states]

    def post(self, node, credential, request):
        """What it answers to an upload from this node: "403 {…}", or how the connection ended."""
        files = ["", ""]
        if credential:
            files = [
                node.write("/run/lab/post.pem", credential.cert.read_text()),
                node.write("/run/lab/post.key", credential.key.read_text(), 0o600),
            ]
        root = node.write("/run/lab/post-root.pem", self.scene.material.operator.root.cert.read_text())
        body = node.write("/run/lab/post.p10", request)
        done = node.run("python3", "-c", _POST, ADDRESS, PORT, NAME, root, *files, body, timeout=60, check=False)
        return done.out.strip() if done.status == 0 else (done.err.strip().splitlines() or ["ended"])[-1]

    def p10cr(self, request):
        """What the RA/CA makes of this PKCS#10 when it comes with the NEM's own credential, the NEM being out of the way: as somebody
        who has taken it over would ask. The result of `openssl cmp`."""
        body = self.node.write("/run/lab/stolen.p10", request)
        words = ["-cmd", "p10cr", "-server", f"{layout.CA_ADDRESS}:{layout.CA_PORT}", "-path", "/pkix/", "-csr", body]
        words += ["-cert", f"{PLACE}/cmp.pem", "-key", f"{PLACE}/cmp.key", "-trusted", f"{PLACE}/operator-root.pem"]
        words += ["-recipient", product.TestCa.RA_NAME, "-certout", "/run/lab/stolen.pem", "-msg_timeout", "30"]
        return self.node.run(pki.OPENSSL, "cmp", *words, timeout=90, check=False)


def pkcs10(scene, letter, forged=False):
    """A PKCS#10 as this HeNB would make it, DER, with a key of its own. `forged`: the proof of possession is none."""
    identity = layout.HENBS[letter].id
    key, made = scene.artefacts / f"p10-{letter}.key", scene.artefacts / f"p10-{letter}.der"
    pki.new_key(key)
    names = ["-addext", f"subjectAltName=DNS:{identity}"]
    pki.openssl("req", "-new", "-key", key, "-subj", f"/CN={identity}", *names, "-outform", "DER", "-out", made)
    request = bytearray(made.read_bytes())
    if forged:
        request[-1] ^= 1
    return bytes(request)


def sign_by_hand(scene, request, target, authority=None, use_key=None, days=90):
    """What the CA's people do with an exported request (PEM text): the certificate file `target`. Wrong ones: another `authority`,
    or `use_key`, a key file in place of the request's."""
    authority = authority or scene.material.operator
    source = target.with_suffix(".csr")
    source.write_text(request)
    subject = pki.openssl("req", "-in", source, "-noout", "-subject", "-nameopt", "multiline").out
    identity = subject.split("commonName")[1].partition("=")[2].split()[0]
    if use_key:
        pki.openssl("req", "-new", "-key", use_key, "-subj", f"/CN={identity}", "-out", source)
    extensions = target.with_suffix(".ext")
    extensions.write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:{identity}\n"
    )
    root = authority.root
    words = ["-req", "-in", source, "-CA", root.cert, "-CAkey", root.key, "-days", days, "-sha256", "-extfile", extensions]
    pki.openssl("x509", *words, "-CAcreateserial", "-CAserial", scene.artefacts / "by-hand.srl", "-out", target)
    source.unlink()
    extensions.unlink()
    return target
