"""Throw-away."""
import time
from x2lab import kernel, layout, moves, policy, process, product
import sys
import pathlib
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import behind_nat as bn
NAME = "zz-nat"
ABOUT = "m"
REQUIREMENTS = ()
TAGS = ()
NODES = ("a", "b")
TIMEOUT = 420
BACKHAUL = "none"
A, B = layout.HENBS["a"], layout.HENBS["b"]


def show(scene, story, what):
    for who in ("a", "b"):
        out = scene[who].run("ip", "-s", "xfrm", "state", "list", "nokeys").out.split("\nsrc ")
        for st in out:
            if "encap" in st:
                one = " ".join(st.split())
                enc = one[one.index("encap"):][:90]
                story.note(f"[{what}] {who}: {one[:70]} {enc}")
        story.note(f"[{what}] {who} pluto: " + " || ".join(l[4:160] for l in scene.plutos[who].whack("--showstates").out.splitlines() if "STATE" in l and "x2-" in l))


def mapping(router, port):
    """Everything of b's to UDP 4500 comes from this port from now on; what was mapped before is forgotten."""
    n = router.node
    n.sysctl(net__netfilter__nf_conntrack_udp_timeout=1, net__netfilter__nf_conntrack_udp_timeout_stream=1)
    n.run("nft", "-f", "-", feed="table inet pause {\n chain f { type filter hook forward priority 0; udp dport { 500, 4500 } drop; udp sport { 500, 4500 } drop\n }\n}\n")
    n.run("nft", "delete", "table", "ip", "nat")
    n.run("nft", "-f", "-", feed="table ip nat {\n chain after {\n  type nat hook postrouting priority srcnat\n  oifname \"lan0\" udp dport 4500 masquerade to :%d\n oifname \"lan0\" masquerade\n }\n}\n" % port)
    time.sleep(3)
    n.run("nft", "delete", "table", "inet", "pause")
    n.sysctl(net__netfilter__nf_conntrack_udp_timeout=30, net__netfilter__nf_conntrack_udp_timeout_stream=120)


def run(scene, story):
    router = bn.Router(scene)
    scene.plutos["b"].whack("--listen")
    site = product.Site(scene, story.note).start("ab")
    site.push([policy.certificates("ab")])
    site["a"].add_neighbour("b", x2c_addresses=[bn.INSIDE], x2u_addresses=[bn.INSIDE], ike_address=bn.PUBLIC)
    site["b"].add_neighbour("a", interface="home0")
    site.wait_up("a", "b", 120)
    show(scene, story, "up")
    for who, port in (("b", 50001), ("a", 50002), ("b", 50003)):
        mapping(router, port)
        begun = time.monotonic()
        flow = bn._flow(scene, rate=20, sctp=False).start().run_for(3)
        story.flow(f"after mapping {port}", flow.stop(), 100000)
        show(scene, story, f"mapping {port}")
        peer = "a" if who == "b" else "b"
        got = site[who].ctl("rotate", layout.HENBS[peer].id, "--timeout", "40s", timeout=90, check=False)
        story.note(f"rotate from {who}, {time.monotonic() - begun:.0f} s after: {got.status} {got.err.strip()[-200:]}")
        show(scene, story, f"rotated by {who}")
        flow = bn._flow(scene, rate=20, sctp=False).start().run_for(2)
        story.flow(f"after rotate by {who}", flow.stop(), 100000)
        story.note(f"states: {site['a'].state('b')} {site['b'].state('a')}")
        time.sleep(25)
        story.note(f"states 25 s later: {site['a'].state('b')} {site['b'].state('a')}")
        show(scene, story, "25 s later")
