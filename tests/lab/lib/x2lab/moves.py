"""What many scenarios do: bring a pair up, look whether anything went in clear, try to send what must not pass."""

import contextlib
import time

from . import layout, pcap, policy, process, product
from .traffic import Flow, attempt

RADIO_WIRES = (
    "lan",
    "wan",
    "wire",
)  # where no X2 may be readable; beyond the SeGW (core) the network is the operator's


def certificate_pair(scene, story, one="a", other="b", **overrides):
    """Guard and x2secd on two HeNBs of one vendor, policy, neighbours, link up at both ends: the Site."""
    site = product.Site(scene, story.note).start((one, other), **overrides)
    site.push([policy.certificates(one + other)]).introduce(one, other)
    link = site.wait_up(one, other)
    story.step(
        f"{one}–{other} is up by certificates", f"{link['state']}, rule {link['rule']}", link["state"] == "UP_CERT"
    )
    return site


def psk_pair(scene, story, one="a", other="d", keydist=None, **overrides):
    """As certificate_pair, with a key of the pair from the key service; the Site has `keydist`."""
    site = product.Site(scene, story.note)
    site.start_keydist(**(keydist or {}))
    site.start((one, other), **overrides)
    site.push([policy.psk(one + other)]).introduce(one, other)
    link = site.wait_up(one, other)
    story.step(f"{one}–{other} is up by PSK", f"{link['state']}, rule {link['rule']}", link["state"] == "UP_PSK")
    return site


def psk_only_pair(scene, story, one="a", other="b"):
    """Two HeNBs of one vendor that the policy lets use nothing but the key of the pair: the Site, with `keydist`."""
    site = product.Site(scene, story.note)
    site.start_keydist()
    site.start((one, other))
    site.push([policy.psk_only(one + other)]).introduce(one, other)
    link = site.wait_up(one, other)
    story.step(f"{one}–{other} is up by PSK", f"{link['state']}, rule {link['rule']}", link["state"] == "UP_PSK")
    return site


def flow(scene, one="a", other="b", wire="lan", **options):
    """X2 traffic between two HeNBs, not yet started."""
    me, peer = layout.HENBS[one], layout.HENBS[other]
    return Flow(scene[one], getattr(me, wire), scene[other], getattr(peer, wire), **options)


def traffic_passes(scene, story, what, one="a", other="b", wire="lan", seconds=2, lost=0):
    """A step: X2-U without loss and an association, for a moment."""
    return story.flow(what, flow(scene, one, other, wire, rate=50).start().run_for(seconds).stop(), lost)


def refused(scene, story, what, sender, local, remote, receiver=None):
    """A step: neither X2-U nor X2-C gets from node `sender` to `remote`, where node `receiver` listens.

    Without a `receiver` the sender's kernel must have refused each packet. With one it may also have taken them and dropped them
    (a policy without an SA does that): what went onto a wire, `nothing_clear` tells.
    """
    seen = attempt(scene[sender], local, remote, scene[receiver] if receiver else None)
    story.count(sent=seen.attempted, lost=seen.attempted - seen.arrived)
    return story.step(
        what, seen, (receiver or seen.sent == 0) and seen.attempted > 0 and seen.arrived == 0 and seen.associations == 0
    )


def not_heard(scene, story, what, sender, local, receiver, remote):
    """A step: what an unguarded sender puts on the wire does not get past the receiver's guard."""
    seen = attempt(scene[sender], local, remote, scene[receiver])
    return story.step(what, seen, seen.sent > 0 and seen.arrived == 0 and seen.associations == 0)


def nothing_clear(scene, story, what, after=None, before=None, senders=None):
    """A step: no readable X2 packet on LAN, WAN and wire in the time window (of these senders, where given). Ends the captures."""
    scene.stop_captures()
    found = {}
    for wire in RADIO_WIRES:
        if wire in scene.captures:
            packets = scene.captures[wire].packets()
            if senders is not None:
                packets = [p for p in packets if p.src in senders]
            found[wire] = pcap.count(packets, after=after, before=before)
    clear = sum(s.clear for s in found.values())
    story.count(clear=clear)
    esp = sum(s.esp for s in found.values())
    return story.step(what, f"{clear} readable X2 packets, {esp} ESP", clear == 0)


@contextlib.contextmanager
def ike_blocked(scene, *letters):
    """UDP 500 and 4500 dropped on the LAN interface of these HeNBs, by a table of somebody else."""
    rules = "table inet wall {\n"
    for chain, hook, side in (("inwards", "input", "iifname"), ("outwards", "output", "oifname")):
        rules += (
            f" chain {chain} {{\n  type filter hook {hook} priority -300;\n"
            f'  {side} "lan0" udp dport {{ 500, 4500 }} drop\n }}\n'
        )
    rules += "}\n"
    for letter in letters:
        scene[letter].run("nft", "-f", "-", feed=rules)
    try:
        yield
    finally:
        for letter in letters:
            scene[letter].run("nft", "delete", "table", "inet", "wall", check=False)


def has_guard(scene, letter):
    """True when the guard's table is there."""
    return scene[letter].run("nft", "list", "table", "inet", "x2sec", check=False).status == 0


def seconds_until(condition, what, timeout, every=0.05):
    """How long it took until `condition()` was true; Failed after `timeout`."""
    begun = time.monotonic()
    process.until(what, condition, timeout, every)
    return time.monotonic() - begun


def restore_backhaul(scene, letter):
    """Starts the backhaul's connection again after a scenario took pluto away from under it."""
    from . import pluto

    running = scene.plutos[letter]
    if not running.running():
        running.start()
    gateway = scene.plutos["gw"]
    gateway.whack("--name", f"{layout.BACKHAUL}-{letter}", "--terminate")
    running.whack("--delete", "--name", layout.BACKHAUL)
    gateway.whack("--delete", "--name", f"{layout.BACKHAUL}-{letter}")
    for state in scene.stale_backhaul(letter):
        scene[letter].ip(f"xfrm state delete src {state.src} dst {state.dst} proto esp spi {state.spi}")
    pluto.add_backhaul(running, gateway, layout.HENBS[letter], scene.material)
    running.initiate(layout.BACKHAUL, 60)
