"""Neighbours that reach each other over IPv6."""

import time

from x2lab import layout, moves, policy, product

NAME = "ipv6-neighbours"
ABOUT = "Two HeNBs with IPv6 addresses: clear X2 is refused, then certificates, ESP, a change of keys without a lost packet."
REQUIREMENTS = ("R16", "R64")
TAGS = ("ipv6",)
NODES = ("a", "b")


def run(scene, story):
    a, b = layout.HENBS["a"], layout.HENBS["b"]
    begun = time.time()
    site = product.Site(scene, story.note).start(("a", "b"))
    moves.refused(scene, story, "nothing passes before there is a policy", "a", a.lan6, b.lan6)
    site.push([policy.certificates("ab")]).introduce("a", "b", wire="lan6")
    link = site.wait_up("a", "b")
    story.step("a–b is up by certificates over IPv6", link["state"], link["state"] == "UP_CERT")
    flow = moves.flow(scene, wire="lan6").start().run_for(1)
    before = site["a"].link("b")["esp"]["spi_out"]
    site["a"].ctl("rotate", b.id, "--timeout", "60s", timeout=90)
    after = site["a"].link("b")["esp"]["spi_out"]
    story.step("the keys change", f"outbound SPI {before} → {after}", before != after)
    story.flow("no packet lost", flow.run_for(1).stop())
    scene.stop_captures()
    esp = [p for p in scene.captures["lan"].packets() if p.kind == "esp" and {p.src, p.dst} == {a.lan6, b.lan6}]
    story.step("ESP between the two IPv6 addresses on the LAN", f"{len(esp)} packets", len(esp) > 100)
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
