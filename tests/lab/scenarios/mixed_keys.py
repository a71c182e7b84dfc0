"""An RSA key at one end, an ECDSA key at the other: neither is told beforehand what the other has."""

import time

from x2lab import layout, moves, policy, product

NAME = "mixed-keys"
ABOUT = "Neighbours of one vendor with RSA and ECDSA keys, whichever has the lower identity: up by certificate, through key changes and a kill -9 of x2secd."
REQUIREMENTS = ("R12", "R18")
TAGS = ("interop",)
NODES = ("a", "b", "f")
RSA, KEY = "b", "rsa:2048"
LEARNS = "peer_key_kind"


def _start(scene, story):
    site = product.Site(scene, story.note)
    identity = layout.HENBS[RSA].id
    own = scene.material.vendors[1].issue("rsa", f"O=Vendor 1, OU=RSA, CN={identity}", dns=(identity,), key=KEY, folder=scene.artefacts)
    for letter in NODES:
        site.x2secd[letter] = product.X2secd(scene, letter)
    scene[RSA].write("/etc/henb-x2sec/vendor.pem", own.cert.read_text())
    scene[RSA].write("/etc/henb-x2sec/vendor.key", own.key.read_text(), 0o600)
    for letter in NODES:
        site[letter].guard_up().begin()
    for letter in NODES:
        site[letter].wait_ready()
    return site.push([policy.certificates("".join(NODES))])


def _up(site, story, one, other, what):
    begun = time.monotonic()
    link = site.wait_up(one, other, 90)
    story.step(what, f"{link['state']} after {time.monotonic() - begun:.1f} s", link["state"] == "UP_CERT")


def _learned(site, letter):
    return site[letter].daemon.log.read_text().count(LEARNS)


def run(scene, story):
    site = _start(scene, story)
    begun = time.time()
    site.introduce("a", "b")
    _up(site, story, "a", "b", "a (ECDSA) starts, b (RSA) answers: up by certificates")
    site.introduce("b", "f")
    _up(site, story, "b", "f", "b (RSA) starts, f (ECDSA) answers: up by certificates")
    told = [_learned(site, letter) for letter in NODES]
    story.step("those with an ECDSA key have learned it, once each", f"a, b, f: {told}", told == [1, 0, 1])
    moves.traffic_passes(scene, story, "X2-C and X2-U between b and f", "b", "f")
    flow = moves.flow(scene).start().run_for(1)
    spis = [site["a"].link("b")["esp"]["spi_out"]]
    for letter, peer in ("ab", "ba"):
        site[letter].ctl("rotate", layout.HENBS[peer].id, "--timeout", "60s", timeout=90)
        spis.append(site["a"].link("b")["esp"]["spi_out"])
    story.step("the keys change, from either end", " → ".join(map(str, spis)), len(set(spis)) == 3)
    site["a"].kill()
    flow.run_for(1)
    site["a"].start()
    after = site["a"].wait("b", "UP")["esp"]["spi_out"]
    story.step("x2secd of a killed and started: it takes over what is there", after, after == spis[-1])
    story.flow("nothing lost through all of it", flow.run_for(1).stop())
    site["a"].ctl("rotate", layout.HENBS["b"].id, "--timeout", "60s", timeout=90)
    story.step("and the keys change again", site["a"].state("b"), site["a"].state("b") == "UP_CERT")
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
