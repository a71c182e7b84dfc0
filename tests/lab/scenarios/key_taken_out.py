"""Somebody takes the private key out of the NSS database: what it has proven goes down."""

import time

from x2lab import kernel, layout, moves, nss, pluto, process, product, revocation

NAME = "key-taken-out"
ABOUT = "a's vendor key is deleted from pluto's database: no SA with b within 5 s, none comes back, doctor says why; after a restart with the key it is up."
REQUIREMENTS = ("R58",)
TAGS = ("revocation",)
NODES = ("a", "b")
TIMEOUT = 420
WITHIN = 5


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    begun = time.time()
    site = moves.certificate_pair(scene, story)
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP")

    def held():
        return [s.spi for s in kernel.states(scene["a"]) if b.lan in (s.src, s.dst)]

    story.step("the kernel of a holds SAs with b", len(held()), bool(held()))
    ckaid = nss.ckaid(scene.material.nss("a"), "vendor")
    scene["a"].run("certutil", "-F", "-k", ckaid, "-d", f"sql:{pluto.NSS_FOLDER}", timeout=60)
    took = moves.seconds_until(lambda: not held(), "a's kernel holds no SA with b", 30)
    story.step(f"no SA with b within {WITHIN} s of the removal", f"{took:.1f} s", took <= WITHIN)
    moves.refused(scene, story, "a sends nothing to b", "a", a.lan, b.lan, "b")
    alarms = revocation.events(site["a"].daemon, "credentials.key_removed")
    story.step("a's log has the alarm", alarms[-1:], len(alarms) == 1)
    said = revocation.finding(site["a"], "credentials.key_store")
    story.step("doctor says it", said["detail"], not said["ok"])
    process.until("b's link is down as well", lambda: site["b"].state("a") not in product.UP, 60, every=0.5)
    states = {e: site[e].state(o) for e, o in ("ab", "ba")}
    story.step("nothing comes back by itself", f"{states}, {len(held())} SAs", not held())

    site["a"].stop()
    site["a"].start()
    link = site.wait_up("a", "b", 120)
    story.step("started again, x2secd brings the key: up", link["state"], link["state"] == "UP_CERT")
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
