"""The backhaul moves from the vendor certificate to the operator's, once there is one."""

import time
import types

from x2lab import backhaul, layout, moves, policy, process, product
from x2lab.operator_certificate import certificate, keys
from x2lab.traffic import Flow

COMMON = {"REQUIREMENTS": ("R65",), "NODES": ("a", "ca", "oam"), "TAGS": ("enrolment",), "BACKHAUL": "none", "TIMEOUT": 600}
A = layout.HENBS["a"]


def _flow(scene):
    """S1-U with the core, in the backhaul."""
    return Flow(scene["a"], A.inner, scene["oam"], layout.OAM_ADDRESS, rate=100, sctp=False)


def _start(scene, story, **settings):
    site = product.Site(scene, story.note)
    site.start_ca()
    site.start("a", **backhaul.settings("a", probe=layout.OAM_ADDRESS, **settings))
    site.push([policy.certificates("ac")])
    return site


def _lost(story, what, totals, by_gateway=0):
    """The gateway moves as it likes: what it sends on an SA that a does not have yet is lost."""
    from_a, from_gateway = totals.lost_by_sender
    return story.step(what, f"{totals}; lost of a's {from_a}, of the core's {from_gateway}", from_a == 0 and from_gateway <= by_gateway and totals.sent > 0)


def _moved(scene, story):
    backhaul.open_gateway(scene, "a")
    site = _start(scene, story)
    begun = time.time()
    story.step("without an operator certificate it stays as it is", backhaul.certificate(site, "a"), backhaul.certificate(site, "a")[1].startswith("the vendor's"))

    flow = _flow(scene).start().run_for(1)
    site["a"].ctl("enrol", "--now")
    backhaul.wait_moved(scene, site, "a", 180)
    new = backhaul.spis(scene, "a")[1]
    story.step("enrolled: the backhaul is on the operator certificate, the old one is down", new, len(new) == 2)
    _lost(story, "no packet of a's lost", flow.run_for(1).stop(), by_gateway=150)

    flow = _flow(scene).start().run_for(1)
    site["a"].kill()
    site["a"].start()
    backhaul.wait_moved(scene, site, "a")
    story.step("x2secd killed and started: the same SAs", backhaul.spis(scene, "a"), backhaul.spis(scene, "a") == ([], new))
    _lost(story, "no packet lost", flow.run_for(1).stop())

    flow = _flow(scene).start().run_for(1)
    old = certificate(site, "a")
    site["a"].ctl("enrol", "--now")
    process.until("the old operator key is gone", lambda: certificate(site, "a")["serial"] != old["serial"] and old["ckaid"] not in keys(scene, "a"), 120, 0.5)
    backhaul.wait_moved(scene, site, "a")
    story.step("renewed: other SAs, by the new key", backhaul.spis(scene, "a"), not set(new) & set(backhaul.spis(scene, "a")[1]))
    _lost(story, "no packet lost of a's", flow.run_for(1).stop(), by_gateway=40)

    scene.plutos["a"].kill()
    scene.plutos["a"].start()
    backhaul.start_old(scene, "a")
    process.until("pluto has it again", lambda: scene.plutos["a"].has_child(backhaul.NEW), 90, 0.5)
    backhaul.wait_moved(scene, site, "a")
    process.until("what the dead pluto left is gone", lambda: len(backhaul.spis(scene, "a")[1]) == 2, 60, 0.5)
    story.step("pluto killed, the firmware starts the old one: moved again", backhaul.spis(scene, "a"), backhaul.moved(scene, "a"))

    scene.plutos["gw"].whack("--delete", "--name", f"{layout.BACKHAUL}-a")
    process.until("a has noticed", lambda: not backhaul.certificate(site, "a")[0], 60, 0.5)
    backhaul.add_vendors_alone(scene, "a")
    process.until("the old one is up", lambda: len(backhaul.spis(scene, "a")[0]) >= 2, 120, 0.5)
    story.step("the gateway takes the vendor's alone now: the old one carries again", backhaul.certificate(site, "a"), scene.backhaul_passes("a"))
    moves.nothing_clear(scene, story, "nothing in clear on any wire", after=begun)


def _elsewhere(scene, story):
    backhaul.GatewayElsewhere(scene, "a")
    site = _start(scene, story, gateway=f"{layout.SEGW_ID}@{backhaul.ELSEWHERE}", identity="device.id")
    begun = time.time()
    flow = _flow(scene).start().run_for(1)
    site["a"].ctl("enrol", "--now")
    backhaul.wait_moved(scene, site, "a", 180)
    story.step("enrolled: on the other gateway by the operator certificate, the old one is down", backhaul.spis(scene, "a"), backhaul.moved(scene, "a"))
    _lost(story, "no packet of a's lost", flow.run_for(1).stop(), by_gateway=150)
    scene.plutos["gw"].whack("--delete", "--name", "elsewhere-a")
    process.until("the old one is up again", lambda: len(backhaul.spis(scene, "a")[0]) >= 2, 90, 0.5)
    process.until("it carries", lambda: scene.backhaul_passes("a"), 30, 1)
    story.step("that gateway goes: the old one carries again", backhaul.certificate(site, "a"), not backhaul.certificate(site, "a")[0])
    moves.nothing_clear(scene, story, "nothing in clear on any wire", after=begun)


def _refused(scene, story):
    site = _start(scene, story)
    begun = time.time()
    old = backhaul.spis(scene, "a")[0]
    flow = _flow(scene).start().run_for(1)
    site["a"].ctl("enrol", "--now")
    process.until("a has an operator certificate", lambda: certificate(site, "a"), 120, 0.5)
    process.until("the gateway has answered", lambda: "AUTHENTICATION_FAILED" in backhaul.certificate(site, "a")[1] or backhaul.moved(scene, "a"), 90, 0.5)
    ok, why = backhaul.certificate(site, "a")
    story.step("the gateway does not take the operator certificate: doctor says so", why, not ok and why.startswith("still the vendor's"))
    story.step("the old one is up as it was", backhaul.spis(scene, "a"), backhaul.spis(scene, "a") == (old, []) and len(old) == 2)
    _lost(story, "no packet lost", flow.run_for(1).stop())
    moves.nothing_clear(scene, story, "nothing in clear on any wire", after=begun)


def _scenario(name, about, run):
    return types.SimpleNamespace(**COMMON, NAME=name, ABOUT=about, run=run)


SCENARIOS = [
    _scenario(
        "backhaul-moved",
        "a's backhaul moves to the operator certificate under traffic and stays there over restarts and a renewal; it comes back when the gateway wants the vendor's.",
        _moved,
    ),
    _scenario("backhaul-moved-elsewhere", "The gateway for operator certificates has another address: the backhaul moves there, and back when that goes.", _elsewhere),
    _scenario("backhaul-refused", "The gateway refuses the operator certificate: the backhaul stays on the vendor's, nothing is lost.", _refused),
]
