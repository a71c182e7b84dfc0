"""A HeNB that has no way into the core but a tunnel to an enrolment SEG, by its vendor certificate (step 0.5)."""

import time

from x2lab import kernel, layout, moves, nss, pcap, pluto, policy, process, product

NAME = "enrol-over-initial-ipsec"
ABOUT = "CMP goes through a tunnel to an enrolment SEG and nowhere else; a SEG that is not the operator's is refused; afterwards the tunnel is gone."
REQUIREMENTS = ("R38",)
TAGS = ("enrolment",)
NODES = ("a", "c", "ca")
TIMEOUT = 600
BACKHAUL = "none"  # a's is taken down: this is a box fresh from the factory
A, C = layout.HENBS["a"], layout.HENBS["c"]
SEG = "10.8.0.253"  # another address of the gateway
SILENT = "10.8.0.252"  # nobody is there
OVER_SEG = {**policy.ENROLMENT, "transport": "INITIAL_IPSEC"}


def open_seg(scene, nickname, identity):
    """The enrolment SEG: a with its vendor certificate, to the RA/CA alone. `nickname`: whose certificate it shows."""
    gateway = scene.plutos["gw"]
    gateway.whack("--delete", "--name", "initial-a")
    gateway.add_certificate(
        "initial-a",
        pluto.End(identity, SEG, f"{layout.CA_ADDRESS}/32"),
        pluto.End(A.id, A.wan, f"{A.wan}/32"),
        nss.ckaid(scene.material.nss("gw"), nickname),
        scene.material.vendor_root("a").subject(),
        16300,
    )


def fresh_box(scene):
    """a has no backhaul; its way to the RA/CA leads past the SEG, and so does the way back."""
    scene.plutos["a"].whack("--delete", "--name", layout.BACKHAUL)
    scene.plutos["gw"].whack("--delete", "--name", f"{layout.BACKHAUL}-a")
    scene["gw"].ip(f"addr add {SEG}/24 dev wan0")
    scene.plutos["gw"].whack("--listen")
    scene["a"].ip(f"route replace {layout.CA_ADDRESS}/32 via {SEG} dev wan0 src {A.wan}")
    scene["ca"].ip(f"route add {A.wan}/32 via {layout.KEYDIST_ADDRESS}")


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

    open_seg(scene, "segw", layout.SEGW_ID)
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
