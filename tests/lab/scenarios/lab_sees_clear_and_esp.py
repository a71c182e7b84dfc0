"""The lab's own proof: it sees X2 in clear where nothing protects it, and ESP where pluto does. Needs none of our daemons."""

import time

from x2lab import layout, nss, pcap
from x2lab.pluto import End
from x2lab.traffic import Flow

NAME = "lab-sees-clear-and-esp"
ABOUT = "Without the product X2 passes in clear and the capture says so; inside a connection made by hand it is ESP, none lost."
REQUIREMENTS = ()
TAGS = ("quick", "lab")
NODES = ("a", "b")
REQID = 101


def connect(scene, one, other):
    """A certificate connection between two HeNBs on the LAN, made with whack at both ends."""
    me, peer = layout.HENBS[one], layout.HENBS[other]
    for here, there in ((me, peer), (peer, me)):
        scene.plutos[here.letter].add_certificate(
            "by-hand",
            End(here.id, here.lan),
            End(there.id, there.lan),
            nss.ckaid(scene.material.nss(here.letter), "vendor"),
            scene.material.vendor_root(there.letter).subject(),
            REQID,
        )
    scene.plutos[one].initiate("by-hand")


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    flow = Flow(scene["a"], a.lan, scene["b"], b.lan).start()
    story.note("sending without protection")
    flow.run_for(2)
    story.flow("nothing protects: X2-U and X2-C pass", flow.stop())
    connect(scene, "a", "b")
    begun = time.time()
    flow = Flow(scene["a"], a.lan, scene["b"], b.lan).start()
    flow.run_for(3)
    story.flow("inside the connection: nothing lost", flow.stop())
    scene.stop_captures()
    packets = scene.captures["lan"].packets()
    story.wire(
        "before: the capture shows clear packets", pcap.count(packets, [a.lan], [b.lan], before=begun), pcap.CLEAR
    )
    story.wire("after: the capture shows ESP only", pcap.count(packets, [a.lan], [b.lan], after=begun), pcap.ESP)
