"""A HeNB fresh from the factory, and the enrolment SEG that lets it in (step 0.5)."""

from . import layout, nss, pluto

SEG = "10.8.0.253"  # another address of the gateway
SILENT = "10.8.0.252"  # nobody is there


def fresh_box(scene, letter="a"):
    """This HeNB has no backhaul; its way to the RA/CA leads past the SEG, and so does the way back."""
    henb = layout.HENBS[letter]
    scene.plutos[letter].whack("--delete", "--name", layout.BACKHAUL)
    scene.plutos["gw"].whack("--delete", "--name", f"{layout.BACKHAUL}-{letter}")
    scene["gw"].ip(f"addr add {SEG}/24 dev wan0")
    scene.plutos["gw"].whack("--listen")
    scene[letter].ip(f"route replace {layout.CA_ADDRESS}/32 via {SEG} dev wan0 src {henb.wan}")
    scene["ca"].ip(f"route add {henb.wan}/32 via {layout.KEYDIST_ADDRESS}")


def open_seg(scene, nickname="segw", identity=layout.SEGW_ID, letter="a"):
    """The SEG: this HeNB with its vendor certificate, to the RA/CA alone. `nickname`: whose certificate it shows."""
    henb, gateway, name = layout.HENBS[letter], scene.plutos["gw"], f"initial-{letter}"
    gateway.whack("--delete", "--name", name)
    gateway.add_certificate(
        name,
        pluto.End(identity, SEG, f"{layout.CA_ADDRESS}/32"),
        pluto.End(henb.id, henb.wan, f"{henb.wan}/32"),
        nss.ckaid(scene.material.nss("gw"), nickname),
        scene.material.vendor_root(letter).subject(),
        16300,
    )
