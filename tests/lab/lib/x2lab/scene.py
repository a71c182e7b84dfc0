"""The scene: wires, nodes, their plutos and the backhaul tunnels that are there before the product."""

import pathlib
import shutil
import tempfile
import time

from . import capture, kernel, layout, linux, material, node, pluto, process

DEFAULT_NODES = ("a", "b")
# Loaded beforehand: on a slow machine a program's first use of each would run into its deadline.
MODULES = (
    "nf_tables nft_xfrm nft_ct nft_limit nft_log nft_reject_inet xfrm_user esp4 esp6 af_key gcm ccm seqiv echainiv "
    "authenc cbc sctp veth bridge udp_tunnel ip6_udp_tunnel tcp_diag"
).split()


def load_modules():
    """What the scene needs of the kernel; a module that this kernel has built in, or not at all, is no error."""
    process.run(["modprobe", "-a", "-q", *MODULES], check=False, timeout=120)



class Scene:
    """Made of the HeNBs in `names` plus the gateway, and of ca, oam, stranger where they are named.

    Use as a context manager: everything is taken down at the end, logs and captures stay in `artefacts`.
    """

    def __init__(self, names, artefacts: pathlib.Path, credentials: material.Material, tell=lambda line: None):
        self.henbs = {n: layout.HENBS[n] for n in names if n in layout.HENBS}
        self.names = ["gw", *[n for n in names if n != "gw"]]
        self.artefacts = pathlib.Path(artefacts)
        self.material = credentials
        self.tell = tell
        self.nodes = {}
        self.plutos = {}
        self.captures = {}
        self.backhaul_before = {}
        self.cleanups = []
        self.folder = None

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def __getitem__(self, name):
        return self.nodes[name]

    def _build(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="x2lab-scene-", dir="/run"))
        self.artefacts.mkdir(parents=True, exist_ok=True)
        self.begun = time.monotonic()
        self.switch = self._node("switch")
        wires = [w for w in layout.WIRES if any(p.wire == w for n in self.names for p in layout.plugs(n))]
        self.switch.ip(*[f"link add {w} type bridge" for w in wires], *[f"link set {w} up" for w in wires])
        for name in self.names:
            self.nodes[name] = self._node(name)
        self._plug_in()
        for wire in wires:
            self.captures[wire] = capture.Capture(self.switch, wire, self.artefacts / f"{wire}.pcap")
        self._start_plutos()
        self._start_backhauls()
        for running in self.captures.values():
            running.wait_ready()
        self.tell(f"scene of {', '.join(self.names)} up after {time.monotonic() - self.begun:.1f} s")

    def _node(self, name):
        return node.Node(name, self.folder / name, self.artefacts / "logs")

    def _plug_in(self):
        lines = []
        for name in self.names:
            for plug in layout.plugs(name):
                port = f"{name}-{plug.name}"
                lines += [
                    f"link add {port} type veth peer name {plug.name} netns {self.nodes[name].pid}",
                    f"link set {port} master {plug.wire}",
                    f"link set {port} up",
                ]
        self.switch.ip(*lines)
        for name in self.names:
            here = self.nodes[name]
            here.ip(*layout.setup_commands(name))
            hosts = [
                f"{layout.KEYDIST_ADDRESS} {layout.KEYDIST_NAME}",
                f"{layout.CA_ADDRESS} ra.{layout.OPERATOR_DOMAIN}",
                *(f"{address} {host}" for address, host in layout.REPLICAS.values()),
            ]
            here.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(line + "\n" for line in hosts))
        self.nodes["gw"].sysctl(net__ipv4__ip_forward=1)

    def _start_plutos(self):
        for name in ("gw", *self.henbs):
            self.plutos[name] = pluto.Pluto(self.nodes[name], self.material.nss(name)).begin()
        for running in self.plutos.values():
            running.wait_ready()

    def _start_backhauls(self):
        for name, henb in self.henbs.items():
            pluto.add_backhaul(self.plutos[name], self.plutos["gw"], henb, self.material)
            self.plutos[name].whack("--initiate", "--name", layout.BACKHAUL, "--asynchronous")
        for name in self.henbs:
            process.until(f"backhaul of {name}", lambda n=name: self.backhaul_spis(n), 60, every=0.2)
            self.backhaul_before[name] = self.backhaul_spis(name)

    def backhaul_spis(self, name):
        """SPIs of the backhaul's SAs in the kernel of this HeNB, sorted; empty where there is none."""
        found = [s.spi for s in kernel.states(self.nodes[name]) if s.reqid == layout.BACKHAUL_REQID]
        return sorted(found) if len(found) >= 2 else []

    def stale_backhaul(self, name):
        """States of the backhaul that a dead pluto left in this HeNB's kernel."""
        return [s for s in kernel.states(self.nodes[name]) if s.reqid == layout.BACKHAUL_REQID]

    def backhaul_passes(self, name):
        """True when a ping through the tunnel is answered."""
        return (
            self.nodes[name]
            .run(
                "busybox",
                "ping",
                "-c",
                "3",
                "-i",
                "0.2",
                "-W",
                "2",
                "-q",
                layout.KEYDIST_ADDRESS,
                check=False,
                timeout=20,
            )
            .status
            == 0
        )

    def on_close(self, action):
        """`action()` is called when the scene ends, last given first."""
        self.cleanups.append(action)

    def stop_captures(self):
        """Ends the captures, so that their files are whole; counting may begin."""
        for running in self.captures.values():
            running.stop()

    def close(self):
        for action in reversed(self.cleanups):
            try:
                action()
            except (OSError, process.Failed) as e:
                self.tell(f"at the end of the scene: {e}")
        self.stop_captures()
        for each in [*self.nodes.values(), *([self.switch] if hasattr(self, "switch") else [])]:
            each.close()
        self.nodes = {}
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


def suitable_here():
    """None where the running kernel and rights suffice for the scene; else what is missing."""
    import os

    if os.geteuid() != 0:
        return "not root"
    process.run(["modprobe", "-a", "esp4", "sctp"], check=False)
    if not linux.has_sctp():
        return "the running kernel has no SCTP"
    return kernel.why_no_esp()
