"""An RA/CA that does not do what it should: no certificate of its comes into use."""

import time

from x2lab import layout, moves, pluto, policy, process, product

NAME = "ca-misbehaves"
ABOUT = "A certificate of another CA, a rejected certConf, a replayed ip: the device is not enrolled and the link stays shut."
REQUIREMENTS = ("R27", "R28", "R29", "R30", "R31")
TAGS = ("negative",)
NODES = ("a", "c", "ca")
TIMEOUT = 600
A, C = layout.HENBS["a"], layout.HENBS["c"]
SINS = ("other-ca", "other-signer", "reject-certconf", "sha1-protection", "other-san", "no-pkiconf")
CONFIRM_WITHIN = 8  # seconds that the CA waits for a certConf


def _nicknames(scene, letter):
    """What is in the NSS database of a HeNB."""
    return sorted(scene[letter].run("certutil", "-L", "-d", f"sql:{pluto.NSS_FOLDER}", timeout=60).out.splitlines())


def _asked(ca, letter):
    """The certificates that the CA has made for a HeNB."""
    return [e for e in ca.ledger() if e["identity"] == layout.HENBS[letter].id]


def _live(ca, letter):
    """Those that are not revoked."""
    return [e for e in _asked(ca, letter) if e["state"] != "REVOKED"]


def _fate(ca, letter):
    return ", ".join(f"{e['state']} ({e['reason']})" for e in _asked(ca, letter))


def _sinned(scene, site, story, sin, letters="ac"):
    """One misbehaviour, met by these HeNBs: each fails with a reason, the link stays shut, no certificate stays live."""
    ca = site.start_ca(sin=sin, confirm_timeout=CONFIRM_WITHIN)
    _meets(scene, site, story, ca, sin, letters)
    ca.stop()


def _meets(scene, site, story, ca, sin, letters):
    for letter in letters:
        other = "c" if letter == "a" else "a"
        before = _nicknames(scene, letter)
        site[letter].ctl("enrol", "--now", check=False)

        def ended():
            status = site[letter].json("enrol", "--status")
            return status if _asked(ca, letter) and status["state"] != "RUNNING" else None

        status = process.until(f"{sin}: an enrolment of {letter} ends", ended, 60, 0.3)
        why = next((s["detail"] for s in reversed(status["steps"]) if not s["ok"]), "")
        process.until(f"{sin}: no live certificate of {letter}", lambda: not _live(ca, letter), CONFIRM_WITHIN + 20, 0.5)
        state = site[letter].state(other)
        kept = _nicknames(scene, letter) == before
        story.step(
            f"{sin}: {letter} is not enrolled",
            f"{status['state']}: {why[-200:]}; link {state}; ledger {_fate(ca, letter)}; NSS {'as it was' if kept else 'CHANGED'}",
            status["state"] != "ENROLLED" and bool(why) and state == "ENROLLING" and kept,
        )


def run(scene, story):
    site = product.Site(scene, story.note).start("ac")
    site.push([policy.certificates("ac")])
    begun = time.time()
    site.introduce("a", "c")
    for sin in SINS:
        _sinned(scene, site, story, sin, "a" if sin != SINS[0] else "ac")
    ca = site.start_ca(sin="replay-ip", confirm_timeout=CONFIRM_WITHIN)
    site["c"].ctl("enrol", "--now", check=False)
    process.until("c is enrolled", lambda: site["c"].json("enrol", "--status")["state"] == "ENROLLED", 60, 0.5)
    _meets(scene, site, story, ca, "replay-ip", "a")
    moves.refused(scene, story, "a sends nothing to c", "a", A.lan, C.lan, "c")
    ca.stop()
    site.start_ca()
    site["a"].ctl("enrol", "--now", check=False)
    link = site.wait_up("a", "c", 90)
    story.step("an honest RA/CA: up", link["state"], link["state"] == "UP_CERT")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
