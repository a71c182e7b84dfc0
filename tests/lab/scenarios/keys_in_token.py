"""An HeNB whose keys are in a PKCS#11 token: made there, used there by all, gone with it."""

import time

from x2lab import kernel, layout, moves, policy, process, product, revocation, secret_search, token

NAME = "keys-in-token"
ABOUT = "a's vendor key is in a token; it enrols with a key made in there, has links by certificate and by PSK, and no key anywhere else; without the token its link is shut."
REQUIREMENTS = ("R25", "R33", "R58")
TAGS = ("enrolment", "token")
NODES = ("a", "c", "d", "ca")
TIMEOUT = 900
BACKHAUL = "passes"  # pluto starts anew with the token
WITHIN = 5


def _finding(site, check):
    return revocation.finding(site["a"], check)


def _credentials(site):
    return {c["kind"]: c for c in site["a"].json("credentials") if c["kind"] in ("VENDOR", "OPERATOR")}


def _held(scene):
    c = layout.HENBS["c"]
    return [s.spi for s in kernel.states(scene["a"]) if c.lan in (s.src, s.dst)]


def _up(scene, story):
    tre = token.Token(scene, "a")
    site = product.Site(scene, story.note)
    site.start_ca()
    site.start_keydist()
    site.start("cd")
    site.x2secd["a"] = product.X2secd(scene, "a", keydist={"certificate": "operator"}, **token.tables())
    site["a"].guard_up().start()
    site.push({"a": [policy.certificates("c"), policy.psk("d")], "c": [policy.certificates("a")], "d": [policy.psk("a")]})
    site.introduce("a", "c").introduce("a", "d")
    link = site.wait_up("a", "c", 240)
    story.step("a–c is up: enrolled with a key made in the token", link["state"], link["state"] == "UP_CERT")
    link = site.wait_up("a", "d", 120)
    story.step("a–d is up: the key service lets a in", link["state"], link["state"] == "UP_PSK")
    return tre, site


def _where_keys_are(scene, story, tre, site):
    held = _credentials(site)
    places = {kind: each["key_store"] for kind, each in held.items()}
    story.step("credentials: both keys are in the token", places, set(places.values()) == {f"PKCS11:{token.LABEL}"})
    mine = {each["ckaid"] for each in held.values()}
    story.step("the token has these two keys", len(tre.keys()), tre.keys() == mine and len(mine) == 2)
    story.step("pluto's database has none", tre.keys("internal"), not tre.keys("internal"))
    checks = {c: _finding(site, c) for c in ("credentials.key_store", "token.usable", "token.in_pluto", "token.pin_for_pluto")}
    story.step("doctor: module, token, PIN", "; ".join(f["detail"] for f in checks.values()), all(f["ok"] for f in checks.values()))
    shown = [line for line in site["a"].daemon.log.read_text(errors="replace").splitlines() if "event=key.service_certificate" in line]
    story.step("the key service is shown the operator certificate", shown[-1:], any("Operator" in line for line in shown))


def _no_key_elsewhere(scene, story):
    def found(letter):
        value = token.private_value(scene.material.henb(letter), scene.artefacts)
        return secret_search.in_files([scene.folder / letter, scene.artefacts], {value})

    story.step("the search finds c's vendor key, a file", "; ".join(found("c"))[:200], bool(found("c")))
    story.step("a's vendor key is in no file of its node, no log, no capture", found("a"), not found("a"))
    files = [str(p) for p in (scene.folder / "a").rglob("*.key")]
    story.step("a has no key file", files, not files)


def _without_token(scene, story, tre, site):
    begun = time.monotonic()
    tre.take_away()
    process.until("a's kernel holds no SA with c", lambda: not _held(scene), 30, every=0.1)
    took = time.monotonic() - begun
    story.step(f"token away: no SA with c within {WITHIN} s", f"{took:.1f} s", took <= WITHIN)
    a, c = layout.HENBS["a"], layout.HENBS["c"]
    moves.refused(scene, story, "a sends nothing to c", "a", a.lan, c.lan, "c")
    process.until("doctor says it", lambda: not _finding(site, "credentials.key_store")["ok"], 30, every=0.5)
    site["a"].kill()
    site["a"].start()
    state = site["a"].state("c")
    story.step("x2secd starts without the token, a–c stays shut", state, state not in product.UP and not _held(scene))
    tre.give_back()
    site["a"].stop()  # SoftHSM's module does not see a token come back: whoever uses it starts anew
    scene.plutos["a"].stop()
    moves.restore_backhaul(scene, "a")
    site["a"].start()
    link = site.wait_up("a", "c", 180)
    story.step("token back: a–c is up again", link["state"], link["state"] == "UP_CERT")
    keys = tre.keys()
    story.step("the same two keys, none made in vain", len(keys), keys == {each["ckaid"] for each in _credentials(site).values()})


def _wrong_pin(scene, story, tre, site):
    site["a"].stop()
    tre.pin("00000000")
    site["a"].start()
    process.until("a–c is shut", lambda: not _held(scene), 30, every=0.2)
    said = _finding(site, "token.usable")
    story.step("wrong PIN: shut, and doctor says why", said["detail"], not said["ok"] and "PIN" in said["detail"] and "00000000" not in said["detail"])
    tre.pin(token.PIN)
    link = site.wait_up("a", "c", 180)
    story.step("right PIN: up again", link["state"], link["state"] == "UP_CERT")


def run(scene, story):
    begun = time.time()
    tre, site = _up(scene, story)
    moves.traffic_passes(scene, story, "X2-C and X2-U pass in ESP", "a", "c")
    _where_keys_are(scene, story, tre, site)
    _without_token(scene, story, tre, site)
    _wrong_pin(scene, story, tre, site)
    moves.nothing_clear(scene, story, "nothing in clear", after=begun)
    _no_key_elsewhere(scene, story)
