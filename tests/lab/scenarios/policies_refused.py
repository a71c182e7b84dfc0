"""Policies that must not come into force, pushed under running traffic."""

import json
import os
import time

from x2lab import layout, material, moves, pki, policy

NAME = "policies-refused"
ABOUT = "Unsigned, altered, older, expired, contradicting, foreign and wrongly signed policies: each refused with its place, nothing changes."
REQUIREMENTS = ("R56",)
TAGS = ("negative",)
NODES = ("a", "b")
TIMEOUT = 500
USAGE, FAILED, DENIED = 2, 1, 5  # exit statuses
IN_FORCE = 5


def _signed(scene, name, value, signer=None):
    """A policy signed by the operator's signer, or by somebody whom x2policy would not sign for."""
    target = scene.artefacts / f"bad-{name}.cms"
    if signer is None:
        return policy.sign(value, scene.material.signer(1), target, check=False).read_bytes()
    source = target.with_suffix(".json")
    source.write_text(json.dumps(value, indent=1))
    words = ["-sign", "-binary", "-nodetach", "-md", "sha256", "-signer", signer.cert, "-inkey", signer.key]
    pki.openssl("cms", *words, "-in", source, "-outform", "DER", "-out", target)
    return target.read_bytes()


def _bad_policies(scene):
    """(what, file content, exit status, words of the message) of each."""
    vendor = scene.material.vendors[1]
    folder = scene.artefacts / "wrong-signers"
    folder.mkdir()

    def signer(name, **options):
        return material.issue_signer(vendor, name, folder=folder, **options)

    def newer(**more):
        return policy.make([policy.certificates("ab")], version=IN_FORCE + 1, **more)

    good = _signed(scene, "newer", newer())
    b_only = signer("b-only", devices=[layout.HENBS["b"].id])
    return [
        ("garbage", os.urandom(700), USAGE, "CMS"),
        ("unsigned", json.dumps(newer()).encode(), USAGE, "CMS"),
        ("altered", good.replace(b"certificates", b"certificatez", 1), DENIED, "signature"),
        ("an unknown field", _signed(scene, "field", {**newer(), "rulez": []}), USAGE, "rulez"),
        ("older", _signed(scene, "older", policy.make([policy.certificates("ab")], IN_FORCE - 1)), FAILED, "version: "),
        ("the same version, other rules", _signed(scene, "same", policy.make([policy.certificates("abc")], IN_FORCE)), FAILED, "version: "),
        ("expired", _signed(scene, "expired", newer(days=(-10, -1))), FAILED, "not_after: "),
        ("not yet valid", _signed(scene, "early", newer(days=(2, 9))), FAILED, "not_before: "),
        ("another operator's", _signed(scene, "operator", newer(operator="other.example")), DENIED, "operator: "),
        ("another site's", _signed(scene, "audience", newer(audience="cd")), DENIED, "audience: "),
        ("signer of another operator", _signed(scene, "op2", newer(), signer("op2", operator="other.example")), DENIED, "operator"),
        ("signer for another HeNB", _signed(scene, "device", newer(), b_only), DENIED, "may not configure"),
        ("signer without the purpose", _signed(scene, "eku", newer(), signer("plain", eku=())), DENIED, "configurationSigner"),
        ("signed with b's vendor certificate", _signed(scene, "henb", newer(), scene.material.henb("b")), DENIED, "configurationSigner"),
        ("signer below another vendor's root", _signed(scene, "vendor2", newer(), scene.material.signer(2)), DENIED, "no valid path to the vendor root"),
    ]


def _push(site, name, content):
    inside = site["a"].node.write(f"/run/lab/{name.replace(' ', '-')}.cms", content)
    return site["a"].ctl("policy", "push", inside, check=False)


def _refuse(site, story, what, content, status, words, before, when=""):
    done = _push(site, "bad", content)
    message = done.err.strip().splitlines()[-1] if done.err.strip() else "no message"
    same = site["a"].json("policy", "show") == before
    story.step(
        f"{what}: refused{when}",
        f"exit {done.status}: {message[-220:]}; policy {'as it was' if same else 'CHANGED'}",
        done.status == status and words.lower() in message.lower() and same,
    )


def run(scene, story):
    site = moves.certificate_pair(scene, story)
    bad = _bad_policies(scene)
    story.note(f"{len(bad)} bad policies made")
    begun = time.time()
    site.push([policy.certificates("ab")], version=IN_FORCE, letters="a")
    before = site["a"].json("policy", "show")
    spi = site["a"].link("b")["esp"]["spi_out"]
    flow = moves.flow(scene, rate=50).start()
    for what, content, status, words in bad:
        _refuse(site, story, what, content, status, words, before)
    story.flow("no packet was lost meanwhile", flow.stop())
    link = site["a"].link("b")
    after = link["esp"]["spi_out"]
    story.step("the link is as it was", f"{link['state']}, SPI {spi} → {after}", link["state"] == "UP_CERT" and spi == after)
    site["a"].stop()
    site["a"].start().wait("b", "UP")
    restarted = site["a"].json("policy", "show")
    for what, content, status, words in bad:
        if what in ("older", "the same version, other rules"):
            _refuse(site, story, what, content, status, words, restarted, " after a restart")
    site.push([policy.certificates("c")], version=IN_FORCE + 1, letters="a")
    site["a"].wait("b", "BLOCKED", 30)
    story.step("a good newer one is taken, and tells", "b is BLOCKED", True)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
