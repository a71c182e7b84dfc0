"""The first certificate under a symmetric credential: one device, one use (R36)."""

import json
import os
import time

from x2lab import layout, moves, policy, process, product, provisioning, secret_search

NAME = "mac-credential"
ABOUT = "An RA/CA that does not know the vendor certifies a by its MAC credential, once; wrong secret, wrong device, second use, answers without the MAC: refused."
REQUIREMENTS = ("R36",)
TAGS = ("enrolment",)
NODES = ("a", "c", "ca")
TIMEOUT = 800
A, C = layout.HENBS["a"], layout.HENBS["c"]
BY_MAC = {**policy.ENROLMENT, "credential": "MAC_SECRET"}
SINS = (("mac-signed", "cmp.other_protection"), ("mac-sha1", "cmp.sha1_protection"), ("altered-ip", "cmp.bad_protection"))
CONFIRM_WITHIN = 8


def _secret(scene, name):
    """A file with a new secret."""
    path = scene.artefacts / name
    path.write_text(os.urandom(32).hex() + "\n")
    return path


def _why(site, letter="a"):
    steps = site[letter].json("enrol", "--status")["steps"]
    return next((s["detail"] for s in reversed(steps) if not s["ok"]), "")


def _live(ca, letter="a"):
    return [e for e in ca.ledger() if e["identity"] == layout.HENBS[letter].id and e["state"] != "REVOKED"]


def _start_ca(site, secret, sin=None):
    """An RA/CA that does not know the vendor of a."""
    return site.start_ca(sin=sin, vendors=(2,), mac_secret=f"{A.id}={secret}", confirm_timeout=CONFIRM_WITHIN)


def _fails(site, story, what, words, ca=None):
    site["a"].ctl("enrol", "--now", check=False)
    process.until(what, lambda: words in _why(site), 60, 0.5)
    if ca:
        process.until(f"{what}: no live certificate of a", lambda: not _live(ca), CONFIRM_WITHIN + 20, 0.5)
    state = site["a"].state("c")
    status = site["a"].json("enrol", "--status")["state"]
    story.step(what, f"{_why(site)[-170:]}; link {state}", status != "ENROLLED" and state == "ENROLLING")


def _forget_certificate(site):
    """As if a had lost what it enrolled."""
    site["a"].stop()
    site["a"].node.path("/var/lib/henb-x2sec/operator.pem").unlink()
    site["a"].start()


def run(scene, story):
    site = product.Site(scene, story.note).start("ac")
    begun = time.time()
    right, wrong = _secret(scene, "right.secret"), _secret(scene, "wrong.secret")
    rules = [policy.certificates("ac")]
    site["a"].push({**policy.make(rules), "enrolment": BY_MAC})
    site["c"].push(policy.make(rules))
    site.introduce("a", "c")
    ca = _start_ca(site, right)
    _fails(site, story, "without a credential a does not enrol, and says so", "x2secctl provision brings one")

    foreign = provisioning.make(scene, "for-c", provisioning.data("c", 1), mac_secret=right, device="c").read_bytes()
    to_c = provisioning.give(site["a"], foreign, check=False)
    story.step("c's file is of no use to a", to_c.err.strip()[-160:], to_c.status == 2 and "device: " in to_c.err)

    provisioning.give(site["a"], provisioning.make(scene, "wrong", provisioning.data("a", 1), mac_secret=wrong))
    _fails(site, story, "a wrong secret is refused", "cmp.bad_protection", ca)
    ca.stop()
    provisioning.give(site["a"], provisioning.make(scene, "right", provisioning.data("a", 2), mac_secret=right))
    for sin, event in SINS:
        ca = _start_ca(site, right, sin)
        _fails(site, story, f"{sin}: the answer is refused", event, ca)
        ca.stop()

    ca = _start_ca(site, right)
    site["a"].ctl("enrol", "--now", check=False)
    site.wait_up("a", "c", 240)
    link = site["a"].link("c")
    story.step("a–c is up by the certificate so obtained", link["state"], link["state"] == "UP_CERT")
    live = _live(ca)
    story.step("one live certificate of a, asked for under the MAC", json.dumps(live)[-200:], [e["protection"] for e in live] == ["MAC"])
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP", "a", "c")

    state = site["a"].node.path("/var/lib/henb-x2sec")
    mark = json.loads((state / "provisioning-mark.json").read_text())
    story.step("the credential is spent", json.dumps(mark), mark["credential_spent"])
    key = right.read_text().strip().encode()
    found = secret_search.in_files([state, scene.artefacts / "logs", site["a"].node.path("/run/henb-x2sec")], [key, bytes.fromhex(key.decode())])
    story.step("the secret is in no file of a, nor in a log", "; ".join(found) or "nowhere", not found)
    envelope = (scene.artefacts / "right.cms").read_bytes()[-200:]
    left = [f.name for f in state.rglob("*") if f.is_file() and envelope in f.read_bytes()]
    story.step("nor is what it was encrypted in", " ".join(left) or "nowhere", not left)

    _forget_certificate(site)
    _fails(site, story, "the same file again brings nothing back", "x2secctl provision brings one")
    again = provisioning.make(scene, "again", provisioning.data("a", 3), mac_secret=right)
    provisioning.give(site["a"], again)
    site["a"].ctl("enrol", "--now", check=False)
    process.until("the RA/CA refuses the second use", lambda: "has been used" in _why(site), 60, 0.5)
    story.step("the RA/CA takes the credential once", _why(site)[-160:], len(_live(ca)) == 1)
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
