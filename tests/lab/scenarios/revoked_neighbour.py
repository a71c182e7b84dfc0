"""A HeNB's certificate is revoked: it is out everywhere, at once, and nobody else notices."""

import time

from x2lab import kernel, layout, moves, nss, policy, process, product, revocation
from x2lab.pluto import End

NAME = "revoked-neighbour"
ABOUT = "The authority revokes b: a takes its link down within 5 s of the news, its link to e loses nothing, b cannot come back."
REQUIREMENTS = ("R41", "R58")
TAGS = ("revocation",)
NODES = ("a", "b", "e", "ca")
TIMEOUT = 600
BACKHAUL = "passes"  # pluto is restarted to ask x2sec-ocspd
WITHIN = 5
APART = 12  # seconds; SerialBook::kBefore and a little


def _news_at(x2secd):
    """When x2secd had the list with somebody new in it, by the clock; None before."""
    for line in revocation.events(x2secd.daemon, "revocation.list"):
        if "newly_revoked=0" not in line:
            return time.time()
    return None


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    lists = revocation.Lists(scene, scene.material.vendors[1]).start()
    site = revocation.site(scene, story, "abe", lists)
    site.push([policy.certificates("abe")])
    for peer in "be":
        site.introduce("a", peer)
        link = site.wait_up("a", peer, 120)
        story.step(f"a–{peer} is up by certificates", link["state"], link["state"] == "UP_CERT")
        # Whose serial number it is, x2secd learns by the time at which pluto asks: two at once would both have to prove themselves.
        settled = time.monotonic() + APART
        process.until("the next authentication is another moment", lambda: time.monotonic() > settled, APART + 10)
    asks = revocation.finding(site["a"], "revocation.pluto")
    story.step("doctor: pluto asks x2sec-ocspd", asks["detail"], asks["ok"])
    begun = time.time()

    def held():
        return [s.spi for s in kernel.states(scene["a"]) if b.lan in (s.src, s.dst)]

    flow = moves.flow(scene, "a", "e").start().run_for(2)
    lists.revoke(scene.material.henb("b"))
    process.until("a has the news", lambda: _news_at(site["a"]), 30, every=0.02)
    took = moves.seconds_until(lambda: not held(), "a's kernel holds no SA with b", 30)
    story.step(f"no SA with b within {WITHIN} s of the news", f"{took:.1f} s", took <= WITHIN)

    def proven():
        done = {x: "".join(revocation.events(site[x].daemon, "key_change.done")) for x in "ae"}
        return layout.HENBS["e"].id in done["a"] or a.id in done["e"]

    took = moves.seconds_until(proven, "a–e is proven anew by a key change", 90, every=0.5)
    flow.run_for(2)
    story.flow(f"a–e: proven anew by a key change after {took:.0f} s, not a packet lost", flow.stop())
    moves.refused(scene, story, "a sends nothing to b", "a", a.lan, b.lan, "b")
    moves.refused(scene, story, "b sends nothing to a", "b", b.lan, a.lan, "a")

    process.until("a blocks b as revoked", lambda: site["a"].link("b")["state"] == "BLOCKED", 60, every=0.5)
    link = site["a"].link("b")
    story.step("a says why", f"{link['state']}: {link['reason']}", link["reason"].startswith("revoked"))
    own = revocation.finding(site["b"], "revocation.own")
    story.step("b's doctor says that its own certificate is revoked", own, own is not None and not own["ok"])

    site["a"].stop()
    story.step("a's x2secd is stopped", "x2sec-ocspd goes on", site.ocspd["a"].daemon.running())
    refused_before = len(site.ocspd["a"].refused())
    # What x2secd leaves in pluto has no connection for b; one by hand is asked about all the same.
    scene.plutos["a"].add_certificate(
        "by-hand",
        End(a.id, a.lan),
        End(b.id, b.lan),
        nss.ckaid(scene.material.nss("a"), "vendor"),
        scene.material.vendor_root("b").subject(),
        77,
    )
    site["b"].ctl("neighbour", "remove", a.id)
    scene.plutos["b"].add_certificate(
        "by-hand",
        End(b.id, b.lan),
        End(a.id, a.lan),
        nss.ckaid(scene.material.nss("b"), "vendor"),
        scene.material.vendor_root("a").subject(),
        77,
    )
    said = scene.plutos["b"].whack("--initiate", "--name", "by-hand", timeout=20)
    refused = site.ocspd["a"].refused()[refused_before:]
    story.step(
        "a's pluto refuses b, asked by nobody but x2sec-ocspd",
        refused[-1] if refused else said.out[-200:],
        bool(refused) and "REVOKED" in refused[-1] and not scene.plutos["b"].has_child("by-hand"),
    )
    site["a"].start()
    process.until("a blocks b again", lambda: site["a"].link("b")["state"] == "BLOCKED", 60, every=0.5)
    story.step("a–e is up after the restart", site["a"].state("e"), site["a"].state("e") in product.UP)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
