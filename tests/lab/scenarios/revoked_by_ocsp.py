"""The authority is asked by OCSP, not by lists: who is revoked is out, who is not known is not let in."""

import time

from x2lab import kernel, layout, moves, policy, process, product, revocation

NAME = "revoked-by-ocsp"
ABOUT = "OCSP of the authority: nobody gets in before it has answered; the link to b goes within 5 s of the news, that to e loses nothing; the responder away: grace."
REQUIREMENTS = ("R41", "R58")
TAGS = ("revocation",)
NODES = ("a", "b", "e", "ca")
TIMEOUT = 600
BACKHAUL = "passes"  # pluto is restarted to ask x2sec-ocspd
WITHIN = 5
HOLDS, GRACE = 20, 40  # seconds


def _answers(x2secd, credential, verdict):
    """Answers of the authority's about this certificate in x2secd's log."""
    serial = credential.serial().lstrip("0")
    return [line for line in revocation.events(x2secd.daemon, "revocation.ocsp_answer") if f"serial={serial} " in line and f"verdict={verdict}" in line]


def run(scene, story):
    a, b, e = (layout.HENBS[each] for each in "abe")
    desk = revocation.Lists(scene, scene.material.vendors[1], next_update=HOLDS)
    begun = time.time()
    site = revocation.site(scene, story, "abe", desk, lists=False)
    grace = {"mode": "GRACE", "grace": f"{GRACE}s"}
    site.push([policy.certificates("abe")], revocation_default=grace)
    site.introduce("a", "b")
    process.until("a has asked in vain", lambda: revocation.events(site["a"].daemon, "revocation.ocsp_not_answered"), 60, 0.3)
    link = site["a"].link("b")
    story.step("no answer yet: a–b is shut, and says why", f"{link['state']}: {link['reason']}", link["state"] == "BLOCKED" and "revocation" in link["reason"])
    moves.refused(scene, story, "nothing passes from a to b", "a", a.lan, b.lan, "b")

    desk.start()
    link = site.wait_up("a", "b", 120)
    good = _answers(site["a"], scene.material.henb("b"), "GOOD")
    story.step("the responder answers: a–b is up by certificates", f"{link['state']}; {good[-1][-90:] if good else ''}", link["state"] == "UP_CERT" and bool(good))
    site.introduce("a", "e")
    link = site.wait_up("a", "e", 120)
    story.step("a–e is up by certificates", link["state"], link["state"] == "UP_CERT" and bool(_answers(site["a"], scene.material.henb("e"), "GOOD")))
    asks = revocation.finding(site["a"], "revocation.news")
    story.step("doctor: news is fresh", asks["detail"], asks["ok"])

    def held():
        return [s.spi for s in kernel.states(scene["a"]) if b.lan in (s.src, s.dst)]

    flow = moves.flow(scene, "a", "e").start().run_for(2)
    desk.revoke(scene.material.henb("b"))
    process.until("a has the news", lambda: _answers(site["a"], scene.material.henb("b"), "REVOKED"), 60, every=0.02)
    took = moves.seconds_until(lambda: not held(), "a's kernel holds no SA with b", 30)
    story.step(f"no SA with b within {WITHIN} s of the news", f"{took:.1f} s", took <= WITHIN)

    def proven():
        done = {x: "".join(revocation.events(site[x].daemon, "key_change.done")) for x in "ae"}
        return e.id in done["a"] or a.id in done["e"]

    took = moves.seconds_until(proven, "a–e is proven anew by a key change", 90, every=0.5)
    flow.run_for(2)
    story.flow(f"a–e: proven anew by a key change after {took:.0f} s, not a packet lost", flow.stop())
    process.until("a blocks b as revoked", lambda: site["a"].link("b")["state"] == "BLOCKED", 60, every=0.5)
    moves.refused(scene, story, "a sends nothing to b", "a", a.lan, b.lan, "b")
    own = revocation.finding(site["b"], "revocation.own")
    story.step("b's doctor says that its own certificate is revoked", own, own is not None and not own["ok"])

    desk.stop()
    process.until("a says that its news is stale", lambda: revocation.events(site["a"].daemon, "revocation.news_stale"), HOLDS + 60, every=0.5)
    story.step("the responder is away: a–e is up in the grace", site["a"].state("e"), site["a"].state("e") == "UP_CERT")
    moves.traffic_passes(scene, story, "traffic in the grace", "a", "e")
    process.until("a blocks e", lambda: site["a"].link("e")["state"] == "BLOCKED", HOLDS + GRACE + 60, every=0.5)
    story.step("after it the link is BLOCKED", site["a"].link("e")["reason"], True)
    desk.start()
    link = site.wait_up("a", "e", 120)
    story.step("the responder is back, and so is the link", link["state"], link["state"] == "UP_CERT")
    story.step("b is not", site["a"].state("b"), site["a"].state("b") not in product.UP)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
