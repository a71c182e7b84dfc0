"""The demonstration: five neighbours of HeNB a, treated in the five ways that the policy knows, on real packets."""

import datetime
import json
import sys
import time

from . import layout, pcap, policy, process, product, scene
from .traffic import Flow

ME = "a"
NODES = ("a", "b", "c", "d", "e", "f", "ca", "oam")
SEND_SECONDS = 2
WAIT = 150  # seconds for a link to come up; enrolment included
# neighbour: decision, state, capture
EXPECTED = {
    "b": ("CERT", "UP_CERT", pcap.ESP),
    "c": ("CERT", "UP_CERT", pcap.ESP),
    "d": ("PSK", "UP_PSK", pcap.ESP),
    "e": ("TRUSTED", "UP_TRUSTED", pcap.CLEAR),
    "f": ("BLOCK", "BLOCKED", pcap.NOTHING),
}
STORY = {"b": "same CA", "c": "another CA, both can enrol", "d": "no CMPv2", "e": "on the trusted wire", "f": "unknown"}
RULES = {
    "a": [
        policy.trusted("e"),
        policy.certificates("b", "same-ca"),
        policy.certificates("c", "enrolled"),
        policy.psk("d"),
    ],
    "b": [policy.certificates("a", "same-ca")],
    "c": [policy.certificates("a", "enrolled")],
    "d": [policy.psk("a")],
    "e": [policy.trusted("a")],
    "f": [policy.certificates("b", "same-ca")],
}


def _wire_of(letter):
    return "wire" if letter == "e" else "lan"


def _start(site, tell):
    tell.live("starting the key service and the RA/CA")
    site.start_keydist()
    site.start_ca()
    tell.live("starting six x2secd")
    site.start()
    tell.live("pushing signed policies")
    site.push(RULES)


def _seconds_between(begun, since):
    """From `begun` (seconds since 1970) to the time that the link says; to now, where it says none."""
    try:
        return max(datetime.datetime.fromisoformat(since).timestamp() - begun, 0.0)
    except (TypeError, ValueError):
        return time.time() - begun


def _bring_up(site, tell):
    """Adds the neighbours and waits: {letter: seconds to up, or None}."""
    begun, took = {}, {}
    for letter in EXPECTED:
        tell.live(f"a–{letter}: neighbour added ({STORY[letter]})")
        site[letter].add_neighbour(ME, _wire_of(letter))
        begun[letter] = time.time()
        site[ME].add_neighbour(letter, _wire_of(letter))
    end = time.monotonic() + WAIT
    final = {letter: state for letter, (_, state, _) in EXPECTED.items()}
    while time.monotonic() < end:
        links = site[ME].links()
        states = {letter: (links.get(letter) or {}).get("state") for letter in EXPECTED}
        for letter, state in states.items():
            if letter not in took and state in product.UP:
                took[letter] = _seconds_between(begun[letter], links[letter].get("since"))
        tell.live("  ".join(f"a–{letter} {state}" for letter, state in states.items()))
        if states == final:
            break
        time.sleep(0.3)
    return took


def _traffic(stage, tell):
    """X2-C and X2-U with each of the five: {letter: Totals}; a link that does not work shows in the totals."""
    totals = {}
    for letter in EXPECTED:
        tell.live(f"X2-C and X2-U: a–{letter}")
        me, peer, wire = layout.HENBS[ME], layout.HENBS[letter], _wire_of(letter)
        flow = Flow(stage[ME], getattr(me, wire), stage[letter], getattr(peer, wire), rate=50, deadline=120)
        try:
            flow.start(need_association=EXPECTED[letter][0] != "BLOCK", timeout=20)
        except process.Ended:
            raise
        except process.Failed as e:
            tell(f"a–{letter}: {e}")
        totals[letter] = flow.run_for(SEND_SECONDS).stop()
        tell(f"a–{letter} ({STORY[letter]}): {totals[letter]}")
    return totals


def _captured(stage, letter):
    """What the wires showed between a and this neighbour; for e, X2 anywhere but on its wire spoils it."""
    me, peer = layout.HENBS[ME], layout.HENBS[letter]
    mine, theirs = {me.lan, me.wire, me.wan, me.inner}, {peer.lan, peer.wire, peer.wan, peer.inner}
    packets = {wire: running.packets() for wire, running in stage.captures.items()}
    seen = {wire: pcap.count(found, mine, theirs) for wire, found in packets.items()}
    usual = _wire_of(letter)
    elsewhere = sum(s.clear for wire, s in seen.items() if wire != usual)
    return seen[usual], elsewhere


def _row(letter, link, seconds, totals, captured):
    decision, state, capture = EXPECTED[letter]
    seen, elsewhere = captured
    link = link or {}
    if decision == "BLOCK":
        passed = totals is not None and totals.received == 0 and not totals.sctp.get("associations")
    else:
        passed = totals is not None and totals.lost == 0 and totals.association_survived
    ok = (
        (link.get("decision"), link.get("state"), seen.verdict) == (decision, state, capture)
        and elsewhere == 0
        and passed
    )
    return {
        "neighbour": layout.HENBS[letter].id,
        "decision": link.get("decision"),
        "rule": link.get("rule"),
        "state": link.get("state"),
        "seconds_to_up": None if seconds is None else round(seconds, 1),
        "capture": seen.verdict,
        "ok": ok,
    }


def _table(rows):
    head = ("neighbour", "decision", "rule", "state", "up after", "capture", "")
    lines = [head]
    for row in rows:
        seconds = "–" if row["seconds_to_up"] is None else f"{row['seconds_to_up']:.1f} s"
        lines.append(
            (
                row["neighbour"],
                row["decision"] or "–",
                row["rule"] or "–",
                row["state"] or "–",
                seconds,
                row["capture"],
                "ok" if row["ok"] else "NOT AS DECIDED",
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def _backhauls(stage, tell):
    harmed = [
        n for n in stage.henbs if stage.backhaul_spis(n) != stage.backhaul_before[n] or not stage.backhaul_passes(n)
    ]
    if harmed:
        tell(f"the backhaul of {', '.join(harmed)} was harmed")
    return not harmed


def play(stage, tell):
    """The whole of it in a scene of NODES: the rows, and whether every backhaul came through. Ends the captures."""
    site = product.Site(stage, tell)
    _start(site, tell)
    took = _bring_up(site, tell)
    totals = _traffic(stage, tell)
    links = site[ME].links()
    tell.live("looking at the captures")
    unharmed = _backhauls(stage, tell)
    stage.stop_captures()
    rows = [
        _row(letter, links.get(letter), took.get(letter), totals.get(letter), _captured(stage, letter))
        for letter in EXPECTED
    ]
    for row, letter in zip(rows, EXPECTED):
        if not row["ok"]:
            link = links.get(letter) or {}
            tell(f"a–{letter}: reason: {link.get('reason')}; last error: {link.get('last_error')}")
    return rows, unharmed


def main(folder, shown, credentials, as_json, tell):
    """Plays it; prints the table or the JSON; 0 when every row is as decided."""
    tell.live("building the scene: six HeNBs, gateway, RA/CA, OAM; seven plutos, six backhaul tunnels")
    with scene.Scene(NODES, folder, credentials, tell) as stage:
        rows, unharmed = play(stage, tell)
    tell.done()
    sys.stdout.write((json.dumps(rows, indent=1) if as_json else _table(rows)) + "\n")
    sys.stdout.flush()
    wrong = [row["neighbour"] for row in rows if not row["ok"]]
    if wrong or not unharmed:
        tell(f"Not as decided: {', '.join(wrong) or 'the backhaul'}. Captures and logs: {shown}")
        return 1
    tell(
        "All five neighbours were treated as decided, and the backhaul tunnels came through unharmed. "
        f"Captures and logs: {shown}"
    )
    return 0
