"""The backhaul's move to the operator certificate, as scenarios see it."""

import json
import threading

from . import kernel, layout, nss, pluto, process

NEW = "x2-backhaul.invalid-0"
ELSEWHERE = "10.8.0.253"  # the gateway for operator certificates, where it has an address of its own
HALVES = ("10.100.0.0/17", "10.100.128.0/17")  # of layout.CORE_NETWORK: the place of the whole is pluto's


def settings(letter, **more):
    """[backhaul.operator] of a HeNB: pluto tells its two connections apart by what the HeNB is called."""
    return {
        "backhaul.operator": {
            "connection": layout.BACKHAUL,
            "gateway": f"{layout.SEGW_ID}@{layout.SEGW_WAN}",
            "local": layout.HENBS[letter].inner,
            "network": layout.CORE_NETWORK,
            "identity": "subject",
            **more,
        }
    }


def open_gateway(scene, letter):
    """From now on the gateway takes certificates of the vendor and of the operator alike from this HeNB."""
    gateway = scene.plutos["gw"]
    scene.plutos[letter].whack("--terminate", "--name", layout.BACKHAUL)
    gateway.whack("--delete", "--name", f"{layout.BACKHAUL}-{letter}")
    pluto.add_backhaul_at_gateway(gateway, layout.HENBS[letter], scene.material, any_root=True)
    scene.plutos[letter].initiate(layout.BACKHAUL, 60)


def add_vendors_alone(scene, letter):
    """The gateway takes this HeNB by its vendor certificate and no other."""
    pluto.add_backhaul_at_gateway(scene.plutos["gw"], layout.HENBS[letter], scene.material)


class GatewayElsewhere:
    """Another gateway, for operator certificates, on the same host. The core sends by the newer tunnel as soon as there is one, as a
    network does whose routes follow; what comes by either is taken. (pluto alone has one kernel policy for both.)"""

    def __init__(self, scene, letter):
        self.scene, self.henb = scene, layout.HENBS[letter]
        scene["gw"].ip(f"addr add {ELSEWHERE}/24 dev wan0")
        gateway = scene.plutos["gw"]
        gateway.whack("--listen")
        me, peer = pluto.End(layout.SEGW_ID, ELSEWHERE, layout.CORE_NETWORK), pluto.End(self.henb.id, self.henb.wan, f"{self.henb.inner}/32")
        ckaid, root = nss.ckaid(scene.material.nss("gw"), "segw"), scene.material.operator.root.subject()
        self.reqids = {layout.SEGW_WAN: layout.BACKHAUL_REQID + self.henb.number, ELSEWHERE: layout.BACKHAUL_REQID + 100}
        gateway.add_certificate(f"elsewhere-{letter}", me, peer, ckaid, root, self.reqids[ELSEWHERE])
        self._inwards()
        self._outwards(layout.SEGW_WAN)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        scene.on_close(self._end)
        self.thread.start()

    def _end(self):
        self.ended.set()
        self.thread.join(10)

    def _inwards(self):
        for half in HALVES:
            for direction in ("in", "fwd"):
                self.scene["gw"].ip(
                    f"xfrm policy update src {self.henb.inner}/32 dst {half} dir {direction} priority 1000 "
                    f"tmpl src {self.henb.wan} dst 0.0.0.0 proto esp mode tunnel level required"
                )

    def _outwards(self, end):
        for half in HALVES:
            self.scene["gw"].ip(
                f"xfrm policy update src {half} dst {self.henb.inner}/32 dir out priority 1000 "
                f"tmpl src {end} dst {self.henb.wan} proto esp reqid {self.reqids[end]} mode tunnel level required"
            )

    def _follow(self):
        now = layout.SEGW_WAN
        while not self.ended.wait(0.05):
            there = any(s.src == ELSEWHERE and s.spi != "0x00000000" for s in kernel.states(self.scene["gw"]))
            wanted = ELSEWHERE if there else layout.SEGW_WAN
            if wanted != now:
                self._outwards(wanted)
                now = wanted


def start_old(scene, letter):
    """As the firmware does whenever pluto starts."""
    pluto.add_backhaul_at_henb(scene.plutos[letter], layout.HENBS[letter], scene.material)
    scene.plutos[letter].whack("--initiate", "--name", layout.BACKHAUL, "--asynchronous")


def spis(scene, letter):
    """SPIs of the tunnel to the gateway by reqid: of the old connection, and of all others."""
    gateways = {layout.SEGW_WAN, ELSEWHERE}
    found = [s for s in kernel.states(scene[letter]) if gateways & {s.src, s.dst} and s.spi != "0x00000000"]
    old = sorted(s.spi for s in found if s.reqid == layout.BACKHAUL_REQID)
    return old, sorted(s.spi for s in found if s.reqid != layout.BACKHAUL_REQID)


def certificate(site, letter):
    """What `doctor` says of the backhaul's certificate: (ok, detail)."""
    shown = site[letter].ctl("doctor", "--json", check=False).out  # its status says whether all is well
    findings = {f["check"]: f for f in json.loads(shown)}
    return findings["backhaul.certificate"]["ok"], findings["backhaul.certificate"]["detail"]


def moved(scene, letter):
    """On the new connection, and the old one is gone."""
    old, new = spis(scene, letter)
    return not old and len(new) >= 2


def wait_moved(scene, site, letter, timeout=90):
    def there():
        site[letter].daemon.must_run()
        return moved(scene, letter) and certificate(site, letter) == (True, "the operator's")

    process.until(f"the backhaul of {letter} is moved", there, timeout, 0.5)
