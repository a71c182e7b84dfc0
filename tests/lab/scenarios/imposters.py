"""Somebody in b's place: at b's address, with b's name, and not b."""

import time

from x2lab import ike_probe, kernel, layout, moves, pki, pluto, policy, process, product

NAME = "imposters"
ABOUT = "A wrong SAN, the right name under other anchors, a twin of the CA, self-signed, weak proposals, a wrong PSK: none gets a link."
REQUIREMENTS = ("R8", "R13", "R14", "R15", "R16")
TAGS = ("negative",)
NODES = ("a", "b")
TIMEOUT = 600
A, B = layout.HENBS["a"], layout.HENBS["b"]
CONNECTION = "by-hand"
REQID = 101
ROOT = "O=Vendor 1, CN=Vendor 1 Root"
WEAK_IKE = ("3des-sha1;modp2048", "aes128-sha1;modp2048", "aes256-sha2_256;modp1536")
WEAK_ESP = ("3des-sha1", "aes128-sha1")
NO_PROPOSAL, NO_AUTHENTICATION = "NO_PROPOSAL_CHOSEN", "AUTHENTICATION_FAILED"
NO_MATCH = "no local proposal matches remote proposals"  # NO_PROPOSAL also answers a where b has no connection at all


def _credentials(scene):
    """(what, credential) of those who say that they are b."""
    folder = scene.artefacts / "imposters"
    folder.mkdir()
    vendors, operator = scene.material.vendors, scene.material.operator
    twin = pki.Authority.create(folder, "twin", ROOT)

    def issue(authority, name, identity=B.id):
        # A DN of its own for each: NSS puts certificates of one subject under one nickname, and b's own is there already.
        return authority.issue(name, f"O=Vendor 1, OU={name}, CN={identity}", dns=(identity,), folder=folder)

    return [
        ("the same CA, another SAN", issue(vendors[1], "other-san", "henb-z.example")),
        ("b's name under another vendor's root", issue(vendors[2], "other-vendor")),
        ("b's name under a root that a trusts for its SeGW", issue(operator, "other-anchor")),
        ("the issuer's DN with another key", issue(twin, "twin")),
        ("self-signed", pki.self_signed(folder, "alone", f"O=Vendor 1, OU=alone, CN={B.id}", (B.id,))),
    ]


def _take(scene, nickname, credential):
    """Puts a credential into b's NSS database, from inside b: SQLite would follow a path through /proc out of the node again."""
    package = scene.artefacts / "imposters" / f"{nickname}.p12"
    words = ["-in", credential.cert, "-inkey", credential.key, "-name", nickname, "-passout", "pass:"]
    pki.openssl("pkcs12", "-export", *words, "-out", package)
    inside = scene["b"].write(f"/run/lab/{nickname}.p12", package.read_bytes(), 0o600)
    database = f"sql:{pluto.NSS_FOLDER}"
    scene["b"].run("pk12util", "-i", inside, "-d", database, "-W", "", "-K", "", timeout=60)


class Imposter:
    """b's pluto with one connection made by hand, and what both plutos say from then on."""

    def __init__(self, scene):
        self.scene, self.pluto = scene, scene.plutos["b"]
        self.logs = {n: scene.plutos[n].daemon.log for n in "ab"}
        self.marks = {}

    def said(self, letter):
        """What the pluto of a HeNB has logged since `begin` and after `answers`."""
        return self.logs[letter].read_text(errors="replace")[self.marks[letter] :]

    def begin(self):
        self.marks = {n: len(log.read_text(errors="replace")) for n, log in self.logs.items()}

    def certificate(self, nickname, *extra):
        self.begin()
        ends = pluto.End(B.id, B.lan), pluto.End(A.id, A.lan)
        root = self.scene.material.vendor_root("a").subject()
        self.pluto.add_certificate(CONNECTION, *ends, self.pluto.ckaid(nickname), root, REQID, *extra)

    def psk(self, key_hex):
        self.begin()
        self.pluto.secret(B.id, A.id, key_hex)
        self.pluto.add_psk(CONNECTION, pluto.End(B.id, B.lan), pluto.End(A.id, A.lan), REQID)

    def tries(self, words, timeout=40):
        """Starts it and waits until one of the two plutos has refused the other in these words."""
        self.pluto.whack("--initiate", "--name", CONNECTION, "--asynchronous")
        process.until(f"{words} in a log of pluto", lambda: words in self.said("a") + self.said("b"), timeout, 0.3)

    def end(self):
        self.pluto.whack("--delete", "--name", CONNECTION)

    def reason(self):
        """What the plutos said, in a line."""
        marks = ("AUTHENTICATION_FAILED", "NO_PROPOSAL", "reject", "does not match", "failed", "no local proposal", "not match")
        lines = [line for line in self.said("a").splitlines() if any(m in line for m in marks) and "backhaul" not in line]
        return lines[-1].partition(": ")[2][-160:] if lines else "a's pluto said nothing"


def _nothing_of_b(scene, site, story, what, imposter):
    """A step: a holds no SA with b that anything came in by, pluto says of no child, and the link is not up, with its reason."""
    link = site["a"].link("b")
    held = [s for s in kernel.states(scene["a"]) if {s.src, s.dst} == {A.lan, B.lan}]
    carried = sum(s.bytes for s in held)
    child = scene.plutos["a"].has_child("x2-henb-b.example-0")
    why = link.get("last_error") or link.get("reason") or ""
    story.step(
        f"{what}: no link",
        f"{link['state']}, {len(held)} SAs with {carried} bytes; x2secctl: {why}; pluto: {imposter.reason()}",
        link["state"] not in product.UP and carried == 0 and not child and bool(why),
    )


def _by_certificate(scene, site, story, imposter):
    for number, (what, credential) in enumerate(_credentials(scene)):
        _take(scene, f"imposter{number}", credential)
        imposter.certificate(f"imposter{number}")
        imposter.tries(NO_AUTHENTICATION)
        _nothing_of_b(scene, site, story, what, imposter)
        imposter.end()


def _by_proposal(scene, site, story, imposter):
    offers = [(f"b itself, offering IKE {ike} only", ("--ike", ike)) for ike in WEAK_IKE]
    offers += [(f"b itself, offering ESP {esp} only", ("--esp", esp)) for esp in WEAK_ESP]
    for what, words in offers:
        imposter.certificate("vendor", *words)
        imposter.tries(NO_MATCH)
        _nothing_of_b(scene, site, story, what, imposter)
        imposter.end()


def _by_probe(scene, story):
    """Suites that no pluto of Debian offers any more, in an IKE_SA_INIT made by hand. The last one is a good one."""
    sha256 = ike_probe.SHA256_PRF, ike_probe.SHA256_128
    offers = [
        ("3DES, SHA-1, DH 2", (ike_probe.DES3, ike_probe.SHA1_PRF, ike_probe.SHA1_96, 2), True),
        ("3DES, MD5, DH 1", (ike_probe.DES3, ike_probe.MD5_PRF, ike_probe.MD5_96, 1), True),
        *((f"AES-256, SHA-256, DH {group}", (12, *sha256, group), True) for group in (2, 5, 22, 23, 24)),
        ("AES-256, SHA-256, DH 14", (12, *sha256, 14), False),
    ]
    for what, numbers, bad in offers:
        said = scene["b"].run("python3", ike_probe.__file__, B.lan, A.lan, *numbers, check=False, timeout=30).out.strip()
        name = {str(ike_probe.NO_PROPOSAL_CHOSEN): NO_PROPOSAL, "0": "taken"}.get(said, f"notify {said or 'none'}")
        story.step(f"IKE with {what}", name, name == (NO_PROPOSAL if bad else "taken"))


def run(scene, story):
    imposter = Imposter(scene)
    site = product.Site(scene, story.note)
    site.start_keydist()
    site.start("a")
    site.push([policy.certificates("b")])
    begun = time.time()
    site["a"].add_neighbour("b")
    _by_certificate(scene, site, story, imposter)
    _by_proposal(scene, site, story, imposter)
    _by_probe(scene, story)
    moves.refused(scene, story, "a sends nothing to whoever is there", "a", A.lan, B.lan, "b")
    imposter.certificate("vendor")
    imposter.pluto.whack("--initiate", "--name", CONNECTION, "--asynchronous")
    link = site["a"].wait("b", "UP", 60)
    story.step("the same by hand with b's own certificate: up", link["state"], link["state"] == "UP_CERT")
    imposter.end()
    site.push([policy.psk_only("ab")], version=2)
    site["a"].wait("b", "KEYING", 60)
    imposter.psk("5a" * 32)
    imposter.tries(NO_AUTHENTICATION)
    _nothing_of_b(scene, site, story, "a wrong PSK", imposter)
    imposter.end()
    moves.refused(scene, story, "a sends nothing to whoever is there", "a", A.lan, B.lan, "b")
    site.start("b")
    site["b"].push(policy.make([policy.psk_only("ab")]))
    site["b"].add_neighbour("a")
    link = site.wait_up("a", "b", 90)
    story.step("the pair's key from the key service: up", link["state"], link["state"] == "UP_PSK")
    moves.traffic_passes(scene, story, "and traffic passes")
    moves.nothing_clear(scene, story, "a has put nothing readable on a wire", after=begun, senders={A.lan, A.wan, A.wire})
