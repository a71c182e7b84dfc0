"""HeNBs that have no way to the RA/CA enrol and renew through the operator's network element manager, by CMP and by hand."""

import json
import time
import types

from x2lab import layout, moves, nem, nss, pcap, policy, process, product
from x2lab.operator_certificate import certificate, failure, keys, keys_each, one_live_each, outbound, renewed, settled

ENDS = "ac"
A, C = layout.HENBS["a"], layout.HENBS["c"]
COMMON = {"REQUIREMENTS": ("R39", "R67"), "TAGS": ("enrolment", "nem"), "TIMEOUT": 900}
# The alert, or the end of the connection where that is seen first.
HANDSHAKE = ("ssl.SSLError: ", "ssl.SSLEOFError: ", "ConnectionResetError: ")
ASKED = "cmp.waiting"  # what the NEM logs when the RA/CA lets it wait
NO_WAY = f"""table ip far {{
 chain to_the_ca {{
  type filter hook forward priority 0
  ip saddr 10.200.0.0/16 ip daddr {layout.CA_ADDRESS} counter drop
  ip saddr 10.8.0.0/24 ip daddr {layout.CA_ADDRESS} counter drop
 }}
}}
"""


def _tried_the_ca(scene):
    """Packets of HeNBs to the RA/CA that the core network has refused."""
    listed = json.loads(scene["gw"].run("nft", "-j", "list", "table", "ip", "far").out)["nftables"]
    counters = [e["counter"] for r in listed if "rule" in r for e in r["rule"]["expr"] if "counter" in e]
    return sum(c["packets"] for c in counters)


def _uploaded(the_nem, scene, credential, request):
    """What somebody with this credential is answered who reaches the NEM, from a."""
    return the_nem.post(scene["a"], credential, request)


def _asked_of_the_ca(the_nem, request):
    """What the RA/CA makes of a request that comes with the NEM's credential."""
    return the_nem.p10cr(request)


def _start(scene, story, the_nem):
    site = product.Site(scene, story.note).start(ENDS)
    site.push([policy.certificates(ENDS)], enrolment=nem.ENROLMENT)
    site.introduce("a", "c")
    for letter in ENDS:
        site[letter].ctl("enrol", "--now", check=False)
    return site


def _strangers(scene, story, site, the_nem):
    """Before anybody is listed: who gets nothing, from the NEM and from the RA/CA behind it."""
    process.until("both are refused", lambda: all("nem.refused" in failure(site, e) for e in ENDS), 120, 0.5)
    for letter in ENDS:
        story.step(f"{letter}, not on the NEM's list: refused, and says so", failure(site, letter)[-120:], "list" in failure(site, letter))
    states = [site[e].state(o) for e, o in ("ac", "ca")]
    story.step("their link is not up", " ".join(states), not set(states) & set(product.UP))
    moves.refused(scene, story, "nothing passes between them", "a", A.lan, C.lan, "c")

    material = scene.material
    the_nem.allow("b")
    for what, credential, request, wanted in (
        ("nobody's certificate", None, nem.pkcs10(scene, "b"), HANDSHAKE),
        ("a certificate of a vendor the NEM does not know", material.henb("d"), nem.pkcs10(scene, "d"), HANDSHAKE),
        ("a device that is not listed", material.henb("e"), nem.pkcs10(scene, "e"), ("403 ",)),
        ("a listed device in the name of another", material.henb("b"), nem.pkcs10(scene, "a"), ("403 ",)),
        ("a forged proof of possession", material.henb("b"), nem.pkcs10(scene, "b", forged=True), ("400 ",)),
    ):
        answer = _uploaded(the_nem, scene, credential, request)
        story.step(f"{what}: nothing is taken", answer[-160:], answer.startswith(wanted))
    story.step("the NEM asks nobody for them", the_nem.requests(), the_nem.requests() == [])


def _taken_over(scene, story, site, the_nem):
    """The NEM's own credential in bad hands: the RA/CA has a list of its own, and checks possession by itself."""
    for what, request in (
        ("a device that the RA/CA does not list", nem.pkcs10(scene, "b")),
        ("a forged proof of possession", nem.pkcs10(scene, "a", forged=True)),
    ):
        done = _asked_of_the_ca(the_nem, request)
        said = (done.err.strip() or done.out.strip()).splitlines()
        story.step(f"with the NEM's credential, {what}: the RA/CA refuses", said[-1:], done.status != 0)
    ledger = [e for e in site.ca.ledger() if e["state"] == "CONFIRMED"]
    story.step("the RA/CA has no live certificate", ledger, not ledger)


def _killed_in_the_middle(story, the_nem, asked_before):
    """kill -9 of the NEM while it asks the RA/CA, which takes its time."""
    process.until("the NEM asks the RA/CA", lambda: the_nem.said(ASKED) > asked_before, 90, 0.05)
    the_nem.kill()
    caught = the_nem.requests(None, "SENDING")
    story.step("the NEM is killed while it asks", [r["device"] for r in caught], bool(caught))
    the_nem.start()


def _outside_the_tunnel(scene, story, site):
    """The way to the NEM that leads past the backhaul's IPsec, over the bare WAN."""
    connect = f"import socket; socket.create_connection(('{nem.ADDRESS}', {nem.PORT}), 3, ('{A.wan}', 0))"
    blocked = scene["a"].run("python3", "-c", connect, check=False)
    story.step("past the backhaul's tunnel a does not get to the NEM", blocked.err.strip().splitlines()[-1:], blocked.status != 0)


def _readable(scene, after):
    """Packets to or from the NEM that anybody on the WAN could read."""
    return [
        p
        for p in scene.captures["wan"].packets()
        if p.time >= after and p.protocol == pcap.TCP and nem.PORT in (p.sport, p.dport)
    ]


def _by_cmp(scene, story):
    scene["gw"].run("nft", "-f", "-", feed=NO_WAY)
    scene["oam"].ip(f"route add {A.wan}/32 via {layout.KEYDIST_ADDRESS}")  # what comes past the tunnel would be answered
    begun = time.time()
    the_nem = nem.Nem(scene)
    site = product.Site(scene, story.note)
    site.ca = product.TestCa(scene, waiting_polls=4, confirm_timeout=10)
    site.ca.words += ["--nem", the_nem.credential.cert, "--device", A.id, "--device", C.id]
    site.ca.start()
    the_nem.start()
    site.x2secd = _start(scene, story, the_nem).x2secd
    _strangers(scene, story, site, the_nem)
    _taken_over(scene, story, site, the_nem)

    asked_before = the_nem.said(ASKED)
    the_nem.allow(ENDS)
    _killed_in_the_middle(story, the_nem, asked_before)
    link = site.wait_up("a", "c", 240)
    story.step("listed, and the NEM back: up by certificates", link["state"], link["state"] == "UP_CERT")
    one_live_each(site, story, ENDS)
    through = {e["identity"]: e["through"] for e in site.ca.ledger() if e["state"] == "CONFIRMED"}
    wanted = the_nem.credential.serial()
    story.step("the RA/CA's ledger names device and NEM", through, {v.lower().lstrip("0") for v in through.values()} == {wanted.lstrip("0")})
    backhauls = {e: nss.ckaid(scene.material.nss(e), "vendor") for e in ENDS}
    there = all(backhauls[e] in keys(scene, e) for e in ENDS)
    story.step("two keys in each device's store: factory's and operator's", keys_each(scene, ENDS), there and keys_each(scene, ENDS) == {"a": 2, "c": 2})

    flow = moves.flow(scene, "a", "c", deadline=600).start().run_for(1)
    asked_before = the_nem.said(ASKED)
    took = renewed(scene, story, site, "a", 180, lambda: _killed_in_the_middle(story, the_nem, asked_before))
    story.step("a renews through the NEM, which is killed meanwhile", f"{took:.0f} s, through {certificate(site, 'a')['serial']}", True)
    took = renewed(scene, story, site, "ac", 180)
    story.step("both renew at once", f"{took:.0f} s", True)
    story.flow("no packet lost in the renewals, the association kept", flow.run_for(1).stop())
    process.until("the older ones are revoked", lambda: not [r for r in the_nem.requests() if r["revoke_at"] and not r["revoked"]], 60, 0.5)
    one_live_each(site, story, ENDS)

    story.step("no HeNB has tried to reach the RA/CA", f"{_tried_the_ca(scene)} packets", _tried_the_ca(scene) == 0)
    _outside_the_tunnel(scene, story, site)
    scene.stop_captures()
    story.step("nothing of it was readable on the WAN", f"{len(_readable(scene, begun))} packets", not _readable(scene, begun))
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)


def _exported(the_nem, folder):
    """{identity: request as PEM} of what the operator now carries to the CA."""
    made = json.loads(the_nem.ctl("export", folder, "--json").out)
    return {item["device"]: the_nem.node.path(f"{folder}/{item['file']}").read_text() for item in made if item["ok"]}


def _imported(the_nem, folder, *certificates):
    for each in certificates:
        the_nem.node.write(f"{folder}/{each.name}", each.read_text())
    done = the_nem.ctl("import", folder, "--json", check=False)
    return done.status, json.loads(done.out)


def _wrong_certificates(scene, requests):
    """What comes back from a CA's desk that made a mistake, or from somebody else's."""
    spare = scene.artefacts / "spare.key"
    nem.pki.new_key(spare)
    vendor = scene.material.vendors[2]
    return [
        nem.sign_by_hand(scene, requests[A.id], scene.artefacts / "other-ca.pem", authority=vendor),
        nem.sign_by_hand(scene, requests[C.id], scene.artefacts / "other-key.pem", use_key=spare),
    ]


def _by_hand(scene, story):
    begun = time.time()
    the_nem = nem.Nem(scene, ENDS, ra=False).start()
    site = _start(scene, story, the_nem)
    process.until("both requests are there", lambda: len(the_nem.requests(None, "PENDING")) == 2, 120, 0.5)
    requests = _exported(the_nem, "/run/lab/out")
    story.step("the operator has both requests in hand", list(requests), set(requests) == {A.id, C.id})
    the_nem.kill()
    wrong = _wrong_certificates(scene, requests)
    status, told = _imported(the_nem, "/run/lab/wrong", *wrong)
    errors = [item["error"] for item in told]
    story.step("of another CA, for another key: not taken", errors, status == 1 and len(told) == 2 and not any(item["ok"] for item in told))
    waits = the_nem.requests(None, "EXPORTED")
    story.step("both still wait", [r["device"] for r in waits], len(waits) == 2)
    moves.refused(scene, story, "nothing passes between them", "a", A.lan, C.lan, "c")
    right = [nem.sign_by_hand(scene, requests[each], scene.artefacts / f"{each}.pem") for each in requests]
    status, told = _imported(the_nem, "/run/lab/in", *right)
    story.step("the right ones are taken, the NEM being down", told, status == 0 and len(told) == 2)
    the_nem.start()
    link = site.wait_up("a", "c", 240)
    story.step("up by certificates", link["state"], link["state"] == "UP_CERT")

    flow = moves.flow(scene, "a", "c", deadline=600).start().run_for(1)
    old, spi = certificate(site, "a"), outbound(site)
    site["a"].ctl("enrol", "--now")
    process.until("a's new request is there", lambda: the_nem.requests("a", "PENDING"), 60, 0.5)
    again = _exported(the_nem, "/run/lab/out2")
    _imported(the_nem, "/run/lab/in2", nem.sign_by_hand(scene, again[A.id], scene.artefacts / "renewed.pem"))
    process.until("a is on its new certificate alone", lambda: settled(scene, site, "a", old), 180, 0.5)
    story.step("a renews by hand", f"SPI {spi} → {outbound(site)}", outbound(site) != spi)
    story.flow("no packet lost, the association kept", flow.run_for(1).stop())
    due = [r for r in the_nem.requests("a") if r["revoke_at"]]
    told_serials = [r["serial"] for r in due]
    story.step("the operator is told what to revoke", told_serials, [s.lstrip("0") for s in told_serials] == [old["serial"].lstrip("0")])
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)


SCENARIOS = [
    types.SimpleNamespace(
        **COMMON,
        NAME="enrol-through-nem",
        ABOUT="Inside the tunnel of their factory certificates two HeNBs enrol and renew through the NEM, which is killed meanwhile; strangers get nothing.",
        NODES=("a", "c", "ca", "oam"),
        run=_by_cmp,
    ),
    types.SimpleNamespace(
        **COMMON,
        NAME="enrol-through-nem-by-hand",
        ABOUT="The RA/CA is offline: requests are exported and certificates imported by hand; wrong ones are not taken.",
        NODES=("a", "c", "oam"),
        run=_by_hand,
    ),
]
