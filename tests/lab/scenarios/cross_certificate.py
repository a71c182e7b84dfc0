"""Neighbours of other vendors, whose roots this device does not have: what a cross-certificate lets in, and what it does not."""

import time
import types

from x2lab import cross, layout, moves, policy, process, product, programs, revocation, strongswan

A, C = layout.HENBS["a"], layout.HENBS["c"]
COMMON = {"REQUIREMENTS": ("R40",), "TAGS": ("enrolment", "interop"), "TIMEOUT": 600}
NOBODY = "not-a-henb.example"  # a domain in which no HeNB is
SWANCTL = programs.TOP / "docs" / "examples" / "swanctl.conf"
REFUSALS = {
    "unknown issuer": ("UNKNOWN_ISSUER", "UNTRUSTED_ISSUER"),
    "path length": ("PATH_LEN_CONSTRAINT_INVALID",),
    "name constraints": ("EXTENSION_NOT_FOUND", "INVALID_ARGS", "CERT_NOT_IN_NAME_SPACE"),
}


def _log(scene, letter):
    return scene.plutos[letter].daemon.log.read_text(errors="replace")


class _Since:
    """What a's pluto has said of certificates from here on."""

    def __init__(self, scene, letter="a"):
        self.scene, self.letter, self.mark = scene, letter, len(_log(scene, letter))

    def lines(self):
        return [line for line in _log(self.scene, self.letter)[self.mark :].splitlines() if "SEC_ERROR_" in line]

    def named(self, refusal):
        return [line for line in self.lines() if any(f"SEC_ERROR_{word}" in line for word in REFUSALS[refusal])]


def _refused(scene, story, site, what, refusal, peer, since):
    """A step: a's pluto refuses this neighbour's certificate for this reason, and the link is not up."""
    process.until(f"a judges {peer}: {refusal}", lambda: since.named(refusal) or site["a"].state(peer) in product.UP, 120, 0.5)
    found, state = since.named(refusal), site["a"].state(peer)
    return story.step(what, f"{found[-1][-110:] if found else 'no refusal'}; link {state}", bool(found) and state not in product.UP)


def _introduce(scene, site, one, other):
    """Each end's own root is where the other's path ends."""
    for me, peer in ((one, other), (other, one)):
        site[me].add_neighbour(peer, issuer_spki_sha256=scene.material.vendor_root(me).spki_sha256())


def _again(site, letter):
    """x2secd starts anew, and fetches what the repository has now."""
    site[letter].stop()
    site[letter].start()


def _withdrawals(site):
    return len(revocation.events(site["a"].daemon, "cross_certificates.withdrawn"))


def _repository(scene, story):
    vendors = scene.material.vendors
    begun = time.time()
    repository = cross.Repository(scene).start()
    wanted = {"cross_certificates": [cross.URL]}
    site = product.Site(scene, story.note)
    chained = cross.below_a_sub_ca(scene, "c")
    for letter in "acd":
        site.x2secd[letter] = made = product.X2secd(scene, letter, credentials=wanted)
        if letter == "c":
            scene["c"].write("/etc/henb-x2sec/vendor.pem", "".join(f.read_text() for f in (chained.cert, chained.chain[0])))
            scene["c"].write("/etc/henb-x2sec/vendor.key", chained.key.read_text(), 0o600)
        made.guard_up().begin()
    for letter in "acd":
        site[letter].wait_ready()
    site.push([policy.certificates("acd")], enrolment=False)

    since = _Since(scene)
    _introduce(scene, site, "a", "c")
    _introduce(scene, site, "a", "d")
    _refused(scene, story, site, "nobody has certified c's root: refused", "unknown issuer", "c", since)
    moves.refused(scene, story, "nothing passes between a and c", "a", A.lan, C.lan, "c")

    ours = [cross.certify(scene, vendors[n], vendors[1], f"{n}-for-1") for n in (2, 3)]
    short = cross.certify(scene, vendors[1], vendors[2], "1-for-2-short", path_length=0)
    narrow = cross.certify(scene, vendors[1], vendors[3], "1-for-3-narrow", cross.only_names_under(NOBODY))
    repository.publish(*ours, short, narrow)
    for letter in "acd":
        _again(site, letter)
    since = _Since(scene)
    _refused(scene, story, site, "c's root certified with path length 0, c below a sub-CA: refused", "path length", "c", since)
    _refused(scene, story, site, "d's root certified for other names: refused", "name constraints", "d", since)
    moves.refused(scene, story, "nothing passes between a and c", "a", A.lan, C.lan, "c")

    right = cross.certify(scene, vendors[1], vendors[2], "1-for-2", cross.only_names_under(C.id))
    repository.publish(*ours, right, narrow)
    _again(site, "a")
    link = site.wait_up("a", "c", 120)
    story.step("the repository has a wide enough one: up by certificates, without enrolment", link["state"], link["state"] == "UP_CERT")
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP", "a", "c")
    site["a"].ctl("rotate", C.id, "--timeout", "60s", timeout=90)
    story.step("the keys change", site["a"].state("c"), site["a"].state("c") == "UP_CERT")
    state = site["a"].state("d")
    story.step("d is still refused", state, state not in product.UP)

    repository.publish(*ours, narrow)
    since, before = _Since(scene), _withdrawals(site)
    _again(site, "a")
    process.until("a has noticed", lambda: _withdrawals(site) > before, 60, 0.5)
    scene.plutos["a"].stop()
    moves.restore_backhaul(scene, "a")
    _refused(scene, story, site, "the repository withdraws it: refused by a pluto that starts anew", "unknown issuer", "c", since)
    moves.refused(scene, story, "nothing passes between a and c", "a", A.lan, C.lan, "c")
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)


def _swan(scene, credential):
    """strongSwan as c: a's root, and no root of its own vendor's, so that its path to a's root is the one with the cross-certificate."""
    swan = strongswan.StrongSwan(scene["c"], credential, scene.material.vendors[1].root)
    text = SWANCTL.read_text()
    for old, new in (("10.9.0.1", C.lan), ("10.9.0.2", A.lan), ("henb-a", "henb-(c)"), ("henb-b", "henb-a"), ("henb-(c)", "henb-c")):
        text = text.replace(old, new)
    for number, each in enumerate(credential.chain[:-1]):
        scene["c"].write(f"/etc/swanctl/x509ca/sub{number}.pem", each.read_text())
    return swan.start(text)


def _shows(swan, cross_certificate):
    swan.node.write("/etc/swanctl/x509ca/cross.pem", cross_certificate.read_text())
    swan.ctl("--load-creds", "--clear")


def _starts(swan):
    return swan.ctl("--initiate", "--child", "x2", "--timeout", "15", check=False, timeout=40).status == 0


def _payload(scene, story):
    vendors = scene.material.vendors
    begun = time.time()
    scene.plutos["c"].stop()
    swan = _swan(scene, cross.below_a_sub_ca(scene, "c"))
    site = product.Site(scene, story.note).start("a", timers={"takeover": "120s"})
    site.push([policy.certificates("ac")], enrolment=False)
    site["a"].add_neighbour("c", issuer_spki_sha256=scene.material.vendor_root("a").spki_sha256())

    def refused(what, refusal, certificate=None):
        if certificate:
            _shows(swan, certificate)
        since = _Since(scene)
        process.until(f"c has tried: {refusal}", lambda: _starts(swan) or since.named(refusal), 120, 0.5)
        _refused(scene, story, site, what, refusal, "c", since)

    refused("c shows no cross-certificate: refused", "unknown issuer")
    refused("path length 0, c below a sub-CA: refused", "path length", cross.certify(scene, vendors[1], vendors[2], "short", path_length=0))
    narrow = cross.certify(scene, vendors[1], vendors[2], "narrow", cross.only_names_under(NOBODY))
    refused("certified for other names: refused", "name constraints", narrow)
    moves.refused(scene, story, "a sends nothing to c", "a", A.lan, C.lan, "c")

    _shows(swan, cross.certify(scene, vendors[1], vendors[2], "right", cross.only_names_under(C.id)))
    process.until("c's attempt is answered", lambda: _starts(swan), 90, 1)
    link = site["a"].wait("c", "UP", 60)
    story.step("c shows a wide enough one in its CERT payloads: up by certificates", link["state"], link["state"] == "UP_CERT")
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP", "a", "c")
    listed = scene["a"].run("certutil", "-L", "-d", "sql:/var/lib/ipsec/nss", timeout=60).out
    story.step("a's database has nothing of vendor 2", listed.strip().splitlines()[-4:], "Vendor 2" not in listed)
    same = scene.backhaul_spis("a") == scene.backhaul_before["a"]
    story.step("backhaul of a unharmed", "same SPIs" if same else "other SPIs", same and scene.backhaul_passes("a"))
    moves.nothing_clear(scene, story, "nothing in clear from a", after=begun, senders={A.lan, A.wan})


SCENARIOS = [
    types.SimpleNamespace(
        **COMMON,
        NAME="cross-certificate",
        BACKHAUL="passes",  # a's pluto is started anew
        ABOUT="The operator's repository certifies another vendor's root: ESP without enrolment; path length and name constraints hold.",
        NODES=("a", "c", "d", "ca"),
        run=_repository,
    ),
    types.SimpleNamespace(
        **COMMON,
        NAME="cross-certificate-in-payload",
        ABOUT="A neighbour on strongSwan shows its cross-certificate in CERT payloads: accepted, but not past path length or names.",
        NODES=("a", "c"),
        NEEDS=("strongswan",),
        BACKHAUL="none",  # c has no pluto; a's is looked at here
        run=_payload,
    ),
]
