"""The operator certificate of a HeNB and its renewal, as scenarios watch them."""

import time

from . import layout, pluto, process


def certificate(site, letter):
    """The operator certificate that a HeNB holds, as `credentials` shows it."""
    return next((c for c in site[letter].json("credentials") if c["kind"] == "OPERATOR"), None)


def keys(scene, letter):
    """Ckaids of all private keys in the NSS database of a HeNB."""
    listed = scene[letter].run("certutil", "-K", "-d", f"sql:{pluto.NSS_FOLDER}", timeout=60, check=False).out
    return {word for line in listed.splitlines() for word in line.split() if len(word) == 40}


def keys_each(scene, letters):
    """How many private keys each HeNB has: the vendor's and one of the operator's is right."""
    return {letter: len(keys(scene, letter)) for letter in letters}


def steps(site, letter):
    return [s["step"] for s in site[letter].json("enrol", "--status")["steps"]]


def failure(site, letter):
    """The newest failure that `enrol --status` shows; "" where there is none."""
    shown = site[letter].json("enrol", "--status")["steps"]
    return next((s["detail"] for s in reversed(shown) if not s["ok"]), "")


def settled(scene, site, letter, old):
    """True when a HeNB is on another certificate than `old`, and the old key is out of its store."""
    now = certificate(site, letter)
    return now["serial"] != old["serial"] and old["ckaid"] not in keys(scene, letter) and now["ckaid"] in keys(scene, letter)


def outbound(site, one="a", other="c"):
    return site[one].link(other)["esp"]["spi_out"]


def renewed(scene, story, site, letters, timeout=90, meanwhile=lambda: None):
    """These HeNBs renew at the same moment: the link a–c is on another SA, the old keys are gone. `meanwhile` is called once they
    have begun. Seconds that it took."""
    begun = time.monotonic()
    old = {letter: certificate(site, letter) for letter in letters}
    spi = outbound(site)
    for letter in letters:
        site[letter].ctl("enrol", "--now", check=False)  # refused where its time has come by itself
    meanwhile()
    for letter in letters:
        process.until(f"{letter} is on its new certificate alone", lambda e=letter: settled(scene, site, e, old[e]), timeout, 0.5)
    process.until("the link has other SAs", lambda: outbound(site) != spi, 30, 0.3)
    took = time.monotonic() - begun
    story.note(f"{' and '.join(letters)} renewed in {took:.1f} s: outbound SPI {spi} → {outbound(site)}")
    return took


def one_live_each(site, story, letters):
    """A step: the CA holds one certificate of each HeNB that is not revoked, the one in use."""

    def live():
        return {
            letter: [e["serial"] for e in site.ca.ledger() if e["identity"] == layout.HENBS[letter].id and e["state"] == "CONFIRMED"]
            for letter in letters
        }

    mine = {letter: [certificate(site, letter)["serial"]] for letter in letters}
    return story.step(
        "one live certificate for each at the CA, the one in use", f"{len(site.ca.ledger())} issued, live {live()}", live() == mine
    )
