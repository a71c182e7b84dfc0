"""A HeNB that has no way into the core but a tunnel to an enrolment SEG, by its vendor certificate (step 0.5)."""

import time

from x2lab import kernel, layout, moves, pcap, policy, process, product
from x2lab.enrolment_seg import SEG, SILENT, fresh_box, open_seg

NAME = "enrol-over-initial-ipsec"
ABOUT = "CMP goes through a tunnel to an enrolment SEG and nowhere else; a SEG that is not the operator's is refused; afterwards the tunnel is gone."
REQUIREMENTS = ("R38",)
TAGS = ("enrolment",)
NODES = ("a", "c", "ca")
TIMEOUT = 600
BACKHAUL = "none"  # a's is taken down: this is a box fresh from the factory
A, C = layout.HENBS["a"], layout.HENBS["c"]
OVER_SEG = {**policy.ENROLMENT, "transport": "INITIAL_IPSEC"}


def why(site):
    return next((s["detail"] for s in reversed(site["a"].json("enrol", "--status")["steps"]) if not s["ok"]), "")


def readable_cmp(scene, after):
    """CMP packets on the WAN that anybody could read, a's."""
    return [
        p
        for p in scene.captures["wan"].packets()
        if p.time >= after and p.protocol == pcap.TCP and layout.CA_PORT in (p.sport, p.dport) and A.wan in (p.src, p.dst)
    ]


def run(scene, story):
    fresh_box(scene)
    begun = time.time()
    site = product.Site(scene, story.note)
    site.start_ca()
    segs = {"enrolment": {"segs": [f"{layout.SEGW_ID}@{SILENT}", f"{layout.SEGW_ID}@{SEG}"]}}
    site.start(("a",), **segs)
    site.start(("c",))
    rules = [policy.certificates("ac")]
    site["a"].push({**policy.make(rules), "enrolment": OVER_SEG})
    site["c"].push(policy.make(rules))
    site.introduce("a", "c")

    process.until("no SEG lets a in", lambda: "initial_ipsec.refused" in why(site), 120, 0.5)
    story.step("without a SEG that knows it, a is not enrolled, and says so", why(site)[-160:], not site.ca.ledger() or "henb-a" not in str(site.ca.ledger()))

    open_seg(scene)
    site.wait_up("a", "c", 240)
    link = site["a"].link("c")
    story.step("through the SEG a enrols: up by certificates", link["state"], link["state"] == "UP_CERT")
    live = sorted(e["identity"] for e in site.ca.ledger() if e["state"] == "CONFIRMED")
    story.step("one live certificate for each at the CA", " ".join(live), live == [A.id, C.id])

    def torn_down():
        own = [s for s in kernel.states(scene["a"]) if SEG in (s.src, s.dst)]
        return not own and "initial-ipsec" not in scene.plutos["a"].whack("--status").out

    process.until("the tunnel is gone", torn_down, 60, 0.5)
    story.step("afterwards the tunnel is torn down", "no SA, no connection", torn_down())
    connect = f"import socket; socket.create_connection(('{layout.CA_ADDRESS}', {layout.CA_PORT}), 3)"
    blocked = scene["a"].run("python3", "-c", connect, check=False)
    story.step("nothing but the tunnel leads to the RA/CA", blocked.err.strip().splitlines()[-1:], blocked.status != 0)
    moves.traffic_passes(scene, story, "traffic", "a", "c")
    scene.stop_captures()
    clear = readable_cmp(scene, begun)
    story.step("no CMP of a's was readable on the WAN", f"{len(clear)} packets", not clear)
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
