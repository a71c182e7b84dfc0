"""A HeNB behind a NAT box."""

import time

from x2lab import capture, kernel, layout, moves, node, pcap, policy, process, product

NAME = "neighbour-behind-nat"
ABOUT = "b behind a masquerading router: b starts, ESP in UDP 4500, b changes the keys without a lost packet, a lost mapping is followed, nothing in clear."
REQUIREMENTS = ("R64", "R16", "R20")
TAGS = ("interop",)
NODES = ("a", "b")
TIMEOUT = 420
A, B = layout.HENBS["a"], layout.HENBS["b"]
PUBLIC, INSIDE, ROUTER = "10.9.0.50", "192.168.7.2", "192.168.7.1"
PAUSE = """table inet pause {
 chain both {
  type filter hook prerouting priority raw
  udp dport { 500, 4500 } drop
  udp sport { 500, 4500 } drop
 }
}
"""
MASQUERADE = """table ip nat {
 chain after {
  type nat hook postrouting priority srcnat
  oifname "lan0" masquerade
 }
}
"""


class Router:
    """A NAT box between b and the LAN: b has the address INSIDE, and the LAN sees PUBLIC."""

    def __init__(self, scene):
        self.scene = scene
        self.node = node.Node("nat", scene.folder / "nat", scene.artefacts / "logs")
        scene.nodes["nat"] = self.node
        scene.switch.ip("link add home type bridge", "link set home up")
        for name, place, wire in (("lan0", self.node, "lan"), ("home0", self.node, "home"), ("home0", scene["b"], "home")):
            port = f"{place.name}-{name}"
            scene.switch.ip(f"link add {port} type veth peer name {name} netns {place.pid}", f"link set {port} master {wire}", f"link set {port} up")
        self.node.ip("link set lo up", f"addr add {PUBLIC}/24 dev lan0", f"addr add {ROUTER}/24 dev home0", "link set lan0 up", "link set home0 up")
        self.node.sysctl(net__ipv4__ip_forward=1)
        self.node.run("nft", "-f", "-", feed=MASQUERADE)
        scene["b"].ip(
            "link set lan0 down", f"addr add {INSIDE}/24 dev home0", "link set home0 up", f"route add 10.9.0.0/24 via {ROUTER} dev home0 src {INSIDE}"
        )
        scene["a"].ip(f"route add 192.168.7.0/24 via {PUBLIC} dev lan0")
        scene.captures["home"] = capture.Capture(scene.switch, "home", scene.artefacts / "home.pcap")
        scene.captures["home"].wait_ready()

    def forget(self, port):
        """The box has lost what it had mapped; what b sends to UDP 4500 comes from this port from now on."""
        self._udp_expires_after(1, 1)
        self.scene["b"].run("busybox", "ping", "-c", "3", "-i", "0.3", "-W", "2", "-q", "-I", INSIDE, A.lan, check=False, timeout=20)
        self.node.run("nft", "-f", "-", feed=PAUSE)
        self.node.run("nft", "delete", "table", "ip", "nat")
        self.node.run("nft", "-f", "-", feed=MASQUERADE.replace("oifname", f'oifname "lan0" udp dport 4500 masquerade to :{port}\n  oifname', 1))
        time.sleep(2)  # the entry is over after one second, which nothing shows
        self.node.run("nft", "delete", "table", "inet", "pause")
        self._udp_expires_after(30, 120)
        sees = f'":{port} STATE_V2_ESTABLISHED_IKE_SA'
        process.until("a hears of b's new port by IKE", lambda: sees in self.scene.plutos["a"].whack("--showstates").out, 30, 0.3)

    def _udp_expires_after(self, first, later):
        self.node.sysctl(net__netfilter__nf_conntrack_udp_timeout=first, net__netfilter__nf_conntrack_udp_timeout_stream=later)


def _rotates(scene, story, site, letter, other):
    flow = _flow(scene).start().run_for(1)
    before = site[letter].link(other)["esp"]["spi_out"]
    done = site[letter].ctl("rotate", layout.HENBS[other].id, "--timeout", "60s", timeout=90, check=False)
    after = site[letter].link(other)["esp"]["spi_out"]
    story.step(f"{letter} changes the keys", f"{before} → {after} {done.err.strip()[-120:]}", done.status == 0 and before != after)
    story.flow(f"{letter} changes the keys: no packet lost", flow.run_for(1).stop())


def _flow(scene, **options):
    return moves.Flow(scene["a"], A.lan, scene["b"], INSIDE, **options)


def _follows_a_mapping(scene, story, site, router):
    before = site["b"].link("a")["esp"]["spi_out"]
    router.forget(50001)
    lost = _flow(scene, rate=50, sctp=False).start().run_for(2).stop()
    story.step("the box has another port for b: nothing reaches b any more", lost, lost.lost_by_sender[0] > 50 and lost.lost_by_sender[1] == 0)
    process.until("b has changed the keys", lambda: site["b"].link("a")["esp"]["spi_out"] != before, 90, 0.5)
    story.step("b notices and changes the keys from inside", f"{before} → {site['b'].link('a')['esp']['spi_out']}", site["b"].state("a") == "UP_CERT")
    process.until("a is on the new SA", lambda: site["a"].link("b")["esp"]["spi_in"] != before, 30, 0.3)
    story.flow("traffic both ways again", _flow(scene, rate=50).start().run_for(2).stop())


def run(scene, story):
    begun = time.time()
    router = Router(scene)
    scene.plutos["b"].whack("--listen")  # as a host's network scripts do
    site = product.Site(scene, story.note).start("ab")
    site.push([policy.certificates("ab")])
    moves.refused(scene, story, "nothing passes before they know each other", "a", A.lan, INSIDE, "b")
    site["a"].add_neighbour("b", x2c_addresses=[INSIDE], x2u_addresses=[INSIDE], ike_address=PUBLIC)
    site["b"].add_neighbour("a", interface="home0")
    link = site.wait_up("a", "b", 120)
    story.step("up by certificates", link["state"], link["state"] == "UP_CERT")
    held = [f"{s.src}→{s.dst}" for s in kernel.states(scene["a"]) if PUBLIC in (s.src, s.dst)]
    story.step("a's SAs end at the NAT box", " ".join(held), len(held) == 2)
    story.flow("traffic", _flow(scene, rate=50).start().run_for(2).stop())
    _rotates(scene, story, site, "b", "a")
    _follows_a_mapping(scene, story, site, router)
    scene.stop_captures()
    udp = [p for p in scene.captures["lan"].packets() if p.kind == "esp" and p.protocol == pcap.UDP]
    bare = [p for p in scene.captures["lan"].packets() if p.kind == "esp" and p.protocol != pcap.UDP]
    story.step("ESP in UDP 4500 on the LAN, and no other", f"{len(udp)} in UDP, {len(bare)} bare", len(udp) > 100 and not bare)
    home = pcap.count(scene.captures["home"].packets(), after=begun)
    story.step("nothing in clear behind the NAT box", home, home.clear == 0 and home.esp > 100)
    moves.nothing_clear(scene, story, "nothing in clear on the LAN", after=begun)
