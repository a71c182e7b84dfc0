"""Operator certificates are renewed under running traffic; nobody on the link notices, and of the old ones nothing is left."""

import time
import types

from x2lab import moves, nss, policy, process, product
from x2lab.operator_certificate import certificate, keys, keys_each, one_live_each, renewed, settled, steps

COMMON = {"REQUIREMENTS": ("R20", "R32"), "NODES": ("a", "c", "ca"), "run": None}
ENDS = "ac"
LIFETIME = 300  # seconds; due for renewal after 180 to 198 of them


def start(scene, story, **options):
    """a and c, of two vendors, enrolled and up."""
    site = product.Site(scene, story.note)
    site.start_ca(**options)
    site.start(ENDS)
    site.push([policy.certificates(ENDS)]).introduce("a", "c")
    link = site.wait_up("a", "c", 180)
    story.step("both enrolled: up by certificates", link["state"], link["state"] == "UP_CERT")
    return site


def _short(scene, story):
    site = start(scene, story, valid_for=LIFETIME)
    enrolled = time.monotonic()
    begun = time.time()
    backhauls = {e: nss.ckaid(scene.material.nss(e), "vendor") for e in ENDS}
    flow = moves.flow(scene, "a", "c", deadline=1200).start().run_for(1)
    renewed(scene, story, site, "a")
    story.step("a renewed: moved, old key removed", steps(site, "a")[-2:], steps(site, "a")[-2:] == ["succession.link_moved", "succession.old_key_removed"])
    renewed(scene, story, site, "c")
    story.step("c, the higher identity, renewed alone", steps(site, "c")[-1], steps(site, "c")[-1] == "succession.old_key_removed")
    renewed(scene, story, site, "ac")
    story.step("both at the same moment", f"{keys_each(scene, ENDS)} keys", keys_each(scene, ENDS) == {"a": 2, "c": 2})
    held = {e: certificate(site, e) for e in ENDS}
    for letter in ENDS:
        process.until(f"{letter} renews by itself", lambda e=letter: settled(scene, site, e, held[e]), LIFETIME, 1)
    story.step("renewed by itself before two thirds of the lifetime", f"{time.monotonic() - enrolled:.0f} s after the first", True)
    story.flow("no packet lost in five renewals, the association kept", flow.run_for(1).stop())
    one_live_each(site, story, ENDS)
    there = {e: backhauls[e] in keys(scene, e) for e in ENDS}
    story.step("the backhaul's key is untouched", there, all(there.values()))
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _long(scene, story):
    site = start(scene, story)
    begun = time.time()
    flow = moves.flow(scene, "a", "c", deadline=3000).start().run_for(1)
    took = [renewed(scene, story, site, ("a", "c", "ac")[i % 3]) for i in range(20)]
    story.step("twenty renewals", f"{min(took):.1f}–{max(took):.1f} s each", len(took) == 20)
    story.flow("no packet lost in twenty renewals, the association kept", flow.run_for(1).stop())
    story.step("the vendor's key and one of the operator's", keys_each(scene, ENDS), keys_each(scene, ENDS) == {"a": 2, "c": 2})
    one_live_each(site, story, ENDS)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)


def _scenario(name, about, run, **more):
    return types.SimpleNamespace(**{**COMMON, "NAME": name, "ABOUT": about, "run": run, **more})


SCENARIOS = [
    _scenario(
        "renew-certificate",
        "Operator certificates are renewed at one end, at the other, at both, and by themselves: no packet lost, none in clear, old keys gone.",
        _short,
        TAGS=("enrolment", "renew"),
        TIMEOUT=900,
    ),
    _scenario(
        "renew-certificate-twenty",
        "Twenty renewals under traffic, at either end and at both.",
        _long,
        TAGS=("long", "renew"),
        TIMEOUT=1800,
    ),
]
