"""The key service is spoken to by those who may, from where they may, and for those they may ask for."""

import time

from x2lab import kernel, layout, moves, pki, policy, process, product

NAME = "key-service-guarded"
ABOUT = "Keys go to a registered HeNB inside its backhaul only: not to wrong certificates, denied pairs, suspended callers or strangers."
REQUIREMENTS = ("R4", "R43", "R44", "R55")
TAGS = ("negative",)
NODES = ("a", "d", "stranger")
TIMEOUT = 600
BACKHAUL = "passes"
A, D = layout.HENBS["a"], layout.HENBS["d"]
PORT = layout.KEYDIST_PORT
COUNTER = f"table inet watch {{\n chain input {{ type filter hook input priority -400; tcp dport {PORT} counter; }}\n}}\n"
ASK_FOR_A = b"\n\x0e" + A.id.encode() + b"\x10\x01"  # GetPairKeysRequest: peers, purpose IKE_PSK
PERMISSION_DENIED = "7"


def _segments(scene):
    """How many TCP segments have come to the key service's port, as a table of the lab's counts them."""
    words = scene["gw"].run("nft", "list", "table", "inet", "watch").out.split()
    return int(words[words.index("packets") + 1])


def _connects(node, *options):
    """True when a TCP connection to the key service comes about."""
    target = f"https://{layout.KEYDIST_ADDRESS}:{PORT}/"
    argv = ["curl", "-sk", "-o", "/dev/null", "-w", "%{time_connect}", "--max-time", "4", *options, target]
    done = node.run(*argv, check=False, timeout=30)
    return float(done.out.strip() or 0) > 0


def _unreachable(scene, story, what, letter, *options):
    before = _segments(scene)
    connected = _connects(scene[letter], *options)
    came = _segments(scene) - before
    return story.step(what, f"{'connected' if connected else 'no connection'}, {came} segments at the server", not connected)


def _ask(scene, credential):
    """GetPairKeys for a, from d through its backhaul, with a client certificate: (grpc-status or None, what was seen)."""
    message = scene["d"].write("/run/lab/request", b"\0" + len(ASK_FOR_A).to_bytes(4, "big") + ASK_FOR_A)
    words = ["--cert", credential.cert, "--key", credential.key] if credential else []
    done = scene["d"].run(
        "curl", "-sS", "--http2", "-D", "-", "-o", "/dev/null", "--max-time", "20", "--interface", D.inner,
        "--cacert", scene.material.operator.root.cert, *words, "-H", "content-type: application/grpc", "-H", "te: trailers",
        "--data-binary", f"@{message}", f"https://{layout.KEYDIST_NAME}:{PORT}/henb.keydist.v1.KeyDistribution/GetPairKeys",
        check=False, timeout=40,
    )  # fmt: skip
    lines = dict(line.split(": ", 1) for line in done.out.splitlines() if ": " in line)
    status = lines.get("grpc-status")
    return status, f"grpc-status {status} {lines.get('grpc-message', '')}" if status else f"curl {done.status}: {done.err.strip()[-120:]}"


def _certificates(scene, site, story):
    def handshakes():
        return site.keydist.daemon.log.read_text(errors="replace").count("Handshake failed")

    folder = scene.artefacts / "wrong-clients"
    folder.mkdir()
    other = pki.Authority.create(folder, "other", "O=Operator, CN=Operator Root")

    def issue(authority, name, **options):
        return authority.issue(name, f"O=Vendor 3, CN={D.id}", dns=(D.id,), folder=folder, **options)

    vendors = scene.material.vendors
    expired = issue(vendors[3], "expired", start="20200101000000Z", end="20210101000000Z")
    refused = [
        ("no certificate", None),
        ("a certificate of another operator's CA of the same name", issue(other, "other-operator")),
        ("an expired certificate", expired),
        ("a forged one", pki.self_signed(folder, "forged", f"O=Vendor 3, CN={D.id}", (D.id,))),
    ]
    for what, credential in refused:
        before = handshakes()
        status, seen = _ask(scene, credential)
        broken = handshakes() - before
        story.step(f"{what}: TLS refused", f"{seen}; {broken} handshakes refused", status is None and broken > 0)
    status, seen = _ask(scene, issue(vendors[1], "other-anchor"))
    story.step("d's name under another anchor: refused", seen, status == PERMISSION_DENIED)
    status, seen = _ask(scene, scene.material.henb("d"))
    story.step("d's own certificate: answered", seen, status == "0")


def _not_up(scene, site, story, what, words):
    """A step: at a the link is not up and says why in one of `words`; the kernel holds no SA of it that carried anything."""

    def said():
        link = site["a"].link("d")
        why = f"{link.get('last_error') or ''} {link.get('reason') or ''}"
        return (link, why) if any(w in why.lower() for w in words) else None

    link, why = process.until(f"{what}: the link says why", said, 60, 0.5)
    held = [s for s in kernel.states(scene["a"]) if {s.src, s.dst} == {A.lan, D.lan}]
    story.step(what, f"{link['state']}, {len(held)} SAs; {why.strip()}", link["state"] not in product.UP and not held)


def run(scene, story):
    site = product.Site(scene, story.note)
    scene["gw"].run("nft", "-f", "-", feed=COUNTER)
    begun = time.time()
    site.start_keydist()
    site.start()
    site.push([policy.certificates("ad")]).introduce("a", "d")
    site["a"].wait("d", "BLOCKED", 30)
    story.step("without a PSK rule nobody asks the key service", f"{_segments(scene)} segments", _segments(scene) == 0)
    _unreachable(scene, story, "a stranger of the core network gets no connection", "stranger")
    _certificates(scene, site, story)
    site.keydist.ctl("pair", "deny", A.id, D.id)
    site.push([policy.psk_only("ad")], version=2)
    _not_up(scene, site, story, "a denied pair gets no key", ("not_allowed",))
    site.keydist.ctl("henb", "suspend", A.id)
    site.keydist.ctl("pair", "clear", A.id, D.id)
    _not_up(scene, site, story, "a suspended caller gets no key", ("suspended",))
    moves.refused(scene, story, "a sends nothing to d", "a", A.lan, D.lan, "d")
    site.keydist.ctl("henb", "resume", A.id)
    link = site.wait_up("a", "d", 120)
    story.step("allowed and resumed: up", link["state"], link["state"] == "UP_PSK")
    outside = time.time()
    scene.plutos["a"].whack("--name", layout.BACKHAUL, "--delete")  # one that is only terminated pluto revives
    process.until("the backhaul of a is down", lambda: not scene.backhaul_spis("a"), 20)
    _unreachable(scene, story, "a with its backhaul down: no connection", "a", "--interface", A.inner)
    _unreachable(scene, story, "nor from its outer address", "a", "--interface", A.wan)
    scene.stop_captures()
    clear = [p for p in scene.captures["wan"].packets() if PORT in (p.sport, p.dport) and p.time > begun]
    after = [p for p in clear if p.time > outside]
    story.step("nothing to the key service outside IPsec", f"{len(clear)} readable, {len(after)} with the backhaul down", not clear)
    moves.nothing_clear(scene, story, "no X2 in clear", after=begun)
    moves.restore_backhaul(scene, "a")
