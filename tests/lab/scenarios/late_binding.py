"""Two HeNBs leave the factory without an operator: the operator's root reaches them with their first certificate."""

import json
import time

from x2lab import moves, policy, product

NAME = "late-binding"
ABOUT = "Devices of two vendors, with their vendor roots alone, enrol through cross-certificates and speak ESP under the operator's root."
REQUIREMENTS = ("R27", "R61")
NODES = ("a", "c", "ca")
TIMEOUT = 600
OPERATOR_ROOT = "O=Operator, CN=Operator Root"
NO_ROOT = {"operator_root": None}  # of the credentials table: nothing of the operator is on the device
NO_KEY_SERVICE = {"address": None, "server_name": None}  # its certificate is verified to that root


def _late(root_subject):
    return {**policy.ENROLMENT, "late_binding": {"root_subject": root_subject}}


def _roots(site, letter):
    return [c for c in site[letter].json("credentials") if c["kind"] == "OPERATOR_ROOT"]


def _failure(site, letter):
    steps = site[letter].json("enrol", "--status")["steps"]
    return next((s["detail"] for s in reversed(steps) if not s["ok"]), "")


def run(scene, story):
    material = scene.material
    cross = [
        material.vendors[n].cross_sign(material.operator, OPERATOR_ROOT, scene.artefacts / f"cross-{n}.pem")
        for n in (1, 2)
    ]
    site = product.Site(scene, story.note).start("ac", credentials=NO_ROOT, keydist=NO_KEY_SERVICE)
    begun = time.time()
    known = _roots(site, "a") + _roots(site, "c")
    story.step("neither has a root of the operator", json.dumps(known), known == [])

    site.ca = product.TestCa(scene)
    site.ca.words += ["--extra-cert", cross[1], "--extra-cert", material.operator.root.cert, "--extra-cert", cross[0]]
    site.ca.start()
    site.push([policy.certificates("ac")], enrolment=_late("/O=Somebody/CN=Else"))
    site.introduce("a", "c")
    site["a"].ctl("enrol", "--now", check=False)
    moves.seconds_until(lambda: "cmp." in _failure(site, "a"), "an enrolment of a fails", 60, 0.5)
    why, state = _failure(site, "a"), site["a"].state("c")
    refused = "cmp.unpinned_root" in why and state == "ENROLLING"
    story.step("an operator that the policy does not name is refused", f"{why[:200]}; link {state}", refused)

    site.push([policy.certificates("ac")], version=2, enrolment=_late("/O=Operator/CN=Operator Root"))
    link = site.wait_up("a", "c", 180)
    story.step("a–c is up by the operator's certificates", link["state"], link["state"] == "UP_CERT")
    for letter in "ac":
        found = _roots(site, letter)
        taken = [(c["origin"], c["spki_sha256"]) for c in found]
        good = taken == [("LATE_BINDING", material.operator.root.spki_sha256())]
        story.step(f"{letter} says how it came by the root", json.dumps(found), good)
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP", "a", "c")
    site["a"].kill()
    site["a"].start()
    origins = [c["origin"] for c in _roots(site, "a")]
    story.step("after a restart a still knows the root, and why", str(origins), origins == ["LATE_BINDING"])
    site.wait_up("a", "c", 60)
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
