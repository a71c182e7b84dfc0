"""Step 0: a HeNB that has its vendor's credentials and nothing else gets one file, and all else follows from it."""

import json
import time

from x2lab import enrolment_seg, layout, material, moves, pki, pluto, policy, process, product, provisioning

NAME = "provisioned"
ABOUT = "One signed file brings operator, root, RA/CA, enrolment SEGs and policy: the HeNB enrols over a SEG and its link is up; bad files change nothing."
REQUIREMENTS = ("R37", "R66")
TAGS = ("enrolment",)
NODES = ("a", "c", "ca")
TIMEOUT = 700
BACKHAUL = "none"  # a's is taken down: this is a box fresh from the factory
A, C = layout.HENBS["a"], layout.HENBS["c"]
USAGE = 2
NOTHING = {"credentials": {"operator_root": None, "operator": None}, "keydist": {"address": None, "server_name": None}}
OVER_SEG = {**policy.ENROLMENT, "transport": "INITIAL_IPSEC"}
SEGS = [
    {"identity": layout.SEGW_ID, "address": enrolment_seg.SILENT},
    {"identity": "nowhere.invalid"},
    {"identity": layout.SEGW_ID, "address": enrolment_seg.SEG},
]


def _data(serial, **more):
    return provisioning.data("a", serial, enrolment=OVER_SEG, enrolment_segs=SEGS, **more)


def _bad_files(scene):
    """(what, octets, words of the message) of each."""
    vendor, folder = scene.material.vendors[1], scene.artefacts / "wrong-signers"
    folder.mkdir()

    def made(name, value=None, **more):
        return provisioning.make(scene, f"bad-{name}", value or _data(4), **more).read_bytes()

    def by(name, **options):
        return made(name, signer=material.issue_signer(vendor, name, folder=folder, **options))

    source = scene.artefacts / "by-hand.json"
    source.write_text(json.dumps(_data(4)))
    by_hand = scene.artefacts / "by-hand.cms"
    words = ["-sign", "-binary", "-nodetach", "-md", "sha256", "-in", source, "-outform", "DER", "-out", by_hand]
    plain = scene.material.henb("a")
    pki.openssl("cms", *words, "-econtent_type", f"{material.OID_ARC}.3.1", "-signer", plain.cert, "-inkey", plain.key)
    signed = policy.sign(policy.make([policy.certificates("ac")]), scene.material.signer(1), scene.artefacts / "a-policy.cms")
    return [
        ("unsigned", source.read_bytes(), "not provisioning data"),
        ("tampered", made("tampered").replace(enrolment_seg.SILENT.encode(), b"10.8.0.251", 1), "signature does not hold"),
        ("a policy", signed.read_bytes(), "another type"),
        ("signed with a vendor certificate", by_hand.read_bytes(), "configurationSigner"),
        ("signer below another vendor's root", made("vendor2", signer=scene.material.signer(2)), "no valid path to the vendor root"),
        ("signer for another HeNB", by("b-only", devices=[layout.HENBS["b"].id]), "may not configure"),
        ("an expired signer", by("expired", end="20210101000000Z"), "expired"),
        ("another HeNB's", made("other-device", provisioning.data("b", 4)), "device: "),
        ("past its date", made("over", _data(4, not_after="2021-01-01T00:00:00Z")), "not_after: "),
    ]


def _held(site):
    """What a has of the operator: roots, policy, files."""
    roots = [c["origin"] for c in site["a"].json("credentials") if c["kind"] == "OPERATOR_ROOT"]
    in_force = site["a"].ctl("policy", "show", "--json", check=False).status == 0
    files = sorted(f.name for f in site["a"].node.path("/var/lib/henb-x2sec").glob("provisioning*"))
    return roots, in_force, files


def _refused(site, story, what, content, words, before):
    done = provisioning.give(site["a"], content, check=False)
    message = done.err.strip().splitlines()[-1] if done.err.strip() else "no message"
    after = _held(site)
    story.step(
        f"{what}: refused",
        f"exit {done.status}: {message[-200:]}; {'nothing has changed' if after == before else f'CHANGED: {after}'}",
        done.status == USAGE and words in message and after == before,
    )


def run(scene, story):
    enrolment_seg.fresh_box(scene)
    scene["a"].run("certutil", "-D", "-d", f"sql:{pluto.NSS_FOLDER}", "-n", "operator-root")
    scene.plutos["a"].restart()
    begun = time.time()
    site = product.Site(scene, story.note)
    site.start_ca()
    site.start(("a",), **NOTHING)
    site.start(("c",))
    before = _held(site)
    story.step("a has nothing of an operator", str(before), before == ([], False, []))
    for what, content, words in _bad_files(scene):
        _refused(site, story, what, content, words, before)

    enrolment_seg.open_seg(scene)
    rules = [policy.certificates("ac")]
    first = policy.sign({**policy.make(rules), "enrolment": OVER_SEG}, scene.material.signer(1), scene.artefacts / "first.cms")
    good = provisioning.make(scene, "good", _data(5), first_policy=first)
    taken = provisioning.give(site["a"], good)
    held = _held(site)
    story.step("the operator's file is taken", f"{taken.err.strip()}; {held}", held[0] == ["PROVISIONED"] and held[1])

    def enrolled():
        return site["a"].json("enrol", "--status")["state"] == "ENROLLED"

    process.until("a is enrolled", enrolled, 240, 0.5)
    log = site["a"].daemon.log.read_text()
    tried = [line.split("address=", 1)[1].split()[0] for line in log.splitlines() if "initial_ipsec.trying" in line]
    story.step("it enrols by itself, over the SEGs of the file in their order", " ".join(tried), tried[-1:] == [enrolment_seg.SEG] and enrolment_seg.SILENT in tried)

    site["c"].push(policy.make(rules))
    site.introduce("a", "c")
    site.wait_up("a", "c", 240)
    link = site["a"].link("c")
    story.step("a–c is up by the certificates so obtained", link["state"], link["state"] == "UP_CERT")
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP", "a", "c")

    again = provisioning.give(site["a"], good)
    story.step("the same file again changes nothing", again.err.strip(), "UNCHANGED" in again.err)
    site["a"].stop()
    site["a"].start()
    site.wait_up("a", "c", 60)
    held = _held(site)
    story.step("after a restart a has all of it", str(held), held[0] == ["PROVISIONED"] and held[1])
    older = provisioning.make(scene, "older", _data(4)).read_bytes()
    _refused(site, story, "an older serial", older, "serial: 4 is lower than 5", held)
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
