"""Faults planted on purpose: a scenario that is played with one must fail, at the steps that the fault is for.

A fault takes something away from the product as the lab starts and drives it (a guard that goes with its daemon, a kill that
flushes, an imposter who is none), so that what the scenario says was seen must not be seen.
"""

import signal

from . import enrolment_faults, faults_interop, key_faults, layout, moves, process, product
from .planting import Fault, Found, Patches, after, daemons, no_policies, no_table, open_while_refused, opened

__all__ = ["ALL", "Fault", "Found", "Patches", "select"]


def _early_unit(scene, patch, _):
    patch(product.X2secd, "guard_up", lambda _original, self: self)


def _pluto_a(method, then):
    def plant(scene, patch, module):
        after(scene.plutos["a"], method, then)(scene, patch, module)

    return plant


def _opens_for_a_moment(scene, patch, _):
    def push(original, self, rules, version=1, **more):
        result = original(self, rules, version, **more)
        if version == 2:
            with opened(scene, "ab"):
                process.run(["sleep", "1"])
        return result

    patch(product.Site, "push", push)


def _any_ipsec(scene, patch, _):
    def not_heard(original, *args):
        daemons(scene, "a", signal.SIGSTOP)
        chains = [c for c in scene["a"].run("nft", "-a", "list", "table", "inet", "x2sec").out.splitlines() if "chain " in c]
        for chain in chains:
            name = chain.split()[1]
            for match in (("meta", "secpath", "exists"), ("rt", "ipsec", "exists")):
                scene["a"].run("nft", "insert", "rule", "inet", "x2sec", name, *match, "accept", check=False)
        return original(*args)

    patch(moves, "not_heard", not_heard)


def _right_secret(scene, patch, module):
    patch(module, "_put", lambda _original, *_: None)


def _certificate_of_b(scene, patch, module):
    """NSS has b's own certificate under one name only: each imposter gets that one."""
    patch(module, "_take", lambda *_: None)
    patch(module.Imposter, "certificate", lambda original, self, _nickname, *extra: original(self, "vendor", *extra))
    _authenticates(scene, patch, module)


def _authenticates(scene, patch, module):
    """Whoever tries gets in: the trial ends when a's pluto has a child with it."""

    def tries(_original, self, _words, timeout=40):
        self.pluto.whack("--initiate", "--name", module.CONNECTION, "--asynchronous")
        process.until("a child at a", lambda: scene.plutos["a"].has_child("x2-henb-b.example-0"), timeout, 0.3)

    patch(module.Imposter, "tries", tries)


def _strong_proposals(scene, patch, module):
    patch(module, "_by_certificate", lambda *_: None)
    patch.put(module, "WEAK_IKE", ("aes256-sha2_256;modp2048",))
    patch.put(module, "WEAK_ESP", ())
    _authenticates(scene, patch, module)


def _key_of_the_pair(scene, patch, module):
    for name in ("_by_certificate", "_by_proposal", "_by_probe"):
        patch(module, name, lambda *_: None)

    def psk(original, self, _key):
        original(self, process.until("the key of a", lambda: _key_in(scene["a"]), 30))
        _authenticates(scene, patch, module)

    patch(module.Imposter, "psk", psk)


def _key_in(node):
    import re

    from .pluto import X2_SECRETS

    found = re.search(r"PSK 0x([0-9a-f]+)", node.path(X2_SECRETS).read_text())
    return found and found[1]


def _good_policies(scene, patch, module):
    from . import policy

    def bad(original, scene):
        made = []
        for number, (what, _, *expected) in enumerate(original(scene)):
            version = module.IN_FORCE + 1 + number
            value = policy.make([policy.certificates("ab")], version)
            made.append((what, module._signed(scene, f"good{number}", value), *expected))
        return made

    patch(module, "_bad_policies", bad)


def _guards_open_on_the_lan(scene, patch, module):
    open_while_refused("ae")(scene, patch, module)


def _honest_ca(scene, patch, _):
    def start_ca(original, self, sin=None, **more):
        return original(self, sin=None, **more)

    patch(product.Site, "start_ca", start_ca)


def _leaks(scene, patch, module):
    """x2secd tells the key to a program, to its answers and to its state folder."""

    def answers(original, site):
        key = _key_in(scene["a"])
        scene["a"].write("/var/lib/henb-x2sec/leak", f"key {key}\n", 0o600)
        process.until(
            "a program that was given the key",
            lambda: scene["a"].run("/usr/bin/python3", "-c", "import time; time.sleep(1)", key).status == 0,
            20,
        )
        return original(site) + f"key {key}".encode()

    patch(module, "_answers", answers)


HENBS = layout.HENBS
LAST = "the scenario could be played to its end"
ALL = (
    Fault(
        "early-unit-does-nothing", "guard-before-anything", "x2sec-guard sets up nothing",
        ("x2secd never started: a sends nothing to b", "pluto stopped: a sends nothing to b", "b, unguarded, sends: a does not hear it",
         "a has put nothing readable on a wire"),
        _early_unit,
    ),
    Fault(
        "no-second-belt", "foreign-nft-flush", "x2secd's block policies go when it dies",
        ("the second belt alone holds: nothing to a stranger",),
        after(product.X2secd, "kill", lambda scene: no_policies(scene, "a")),
    ),
    Fault(
        "no-table", "foreign-xfrm-flush", "the guard's table goes when x2secd dies",
        ("the guard alone holds: nothing to a stranger",),
        after(product.X2secd, "kill", lambda scene: no_table(scene, "a")),
    ),
    Fault(
        "guard-and-sas-die-with-x2secd", "x2secd-killed", "guard, policies and SAs go when x2secd is killed, and it stops at the other end",
        ("x2secd of a killed: traffic goes on inside ESP",),
        after(product.X2secd, "kill", lambda scene: (no_table(scene, "a"), scene["a"].ip("xfrm state flush", "xfrm policy flush"))),
    ),
    Fault(
        "guard-goes-at-sigterm", "x2secd-stopped", "x2secd takes the guard with it when it is stopped",
        ("the guard stays",),
        after(product.X2secd, "stop", lambda scene: no_table(scene, "a")),
    ),
    Fault(
        "sas-die-with-pluto", "pluto-killed", "the SAs go when pluto is killed",
        ("pluto of a killed: traffic goes on inside ESP",),
        _pluto_a("kill", lambda scene: scene["a"].ip("xfrm state flush")),
    ),
    Fault(
        "open-without-pluto", "pluto-stopped", "without pluto no guard and no policy is left",
        ("nothing in clear meanwhile",),
        open_while_refused("ab"),
    ),
    Fault(
        "open-while-keying", "ike-blocked", "a link that is not up yet is open",
        ("IKE dropped: a sends nothing to b", "nothing in clear meanwhile"),
        open_while_refused("ab"),
    ),
    Fault(
        "any-ipsec-will-do", "blocked-peer-in-backhaul", "the guard lets pass what came in any IPsec",
        ("a stranger's X2 through the backhaul is not heard",),
        _any_ipsec,
    ),
    Fault(
        "reload-opens", "policy-reload", "a second without guard and policies at the reload",
        ("the same rules as version 2: no packet lost", "nothing in clear meanwhile"),
        _opens_for_a_moment,
    ),
    Fault(
        "secret-is-right", "rotate-wrong-secret", "the new secret is not wrong at all",
        ("x2secctl rotate says why, exit 1",),
        _right_secret,
    ),
    Fault(
        "suspend-does-nothing", "suspended-henb-is-out", "the suspension does not reach the key service",
        ("no SA is left at both ends",),
        key_faults.not_suspended,
    ),
    Fault(
        "anybody-is-b", "imposters", "whatever certificate b has, a takes it",
        tuple(f"{what}: no link" for what in (
            "the same CA, another SAN", "b's name under another vendor's root", "b's name under a root that a trusts for its SeGW",
            "the issuer's DN with another key", "self-signed")),
        _certificate_of_b,
    ),
    Fault(
        "weak-suite-is-taken", "imposters", "a agrees to what b offers",
        ("b itself, offering IKE",),
        _strong_proposals,
    ),
    Fault(
        "any-psk-will-do", "imposters", "whatever key b has, it is a's",
        ("a wrong PSK: no link",),
        _key_of_the_pair,
    ),
    Fault(
        "every-policy-is-taken", "policies-refused", "each bad policy is taken as if it were good",
        tuple(f"{what}: refused (" for what in (
            "garbage", "unsigned", "altered", "an unknown field", "older", "the same version, other rules", "expired", "not yet valid",
            "another operator's", "another site's", "signer of another operator", "signer for another HeNB", "signer without the purpose",
            "signed with b's vendor certificate", "signer below another vendor's root")),
        _good_policies,
    ),
    Fault(
        "trusted-everywhere", "trusted-elsewhere", "the guard does not look at the interface",
        ("nothing at all on the LAN",),
        _guards_open_on_the_lan,
    ),
    Fault(
        "port-is-open", "key-service-guarded", "the key service's port is open to everybody",
        ("a stranger of the core network gets no connection",),
        key_faults.port_open,
    ),
    Fault(
        "any-client-will-do", "key-service-guarded", "whatever certificate is shown, it is d's",
        ("no certificate: TLS refused", "a certificate of another operator's CA of the same name: TLS refused",
         "an expired certificate: TLS refused", "a forged one: TLS refused", "d's name under another anchor: refused"),
        key_faults.honest_certificates,
    ),
    Fault(
        "deny-does-nothing", "key-service-guarded", "a denied pair gets its key all the same",
        ("a denied pair gets no key",),
        key_faults.pair_not_denied,
    ),
    Fault(
        "any-answer-will-do", "ca-misbehaves", "the client takes whatever the RA/CA answers",
        ("other-ca: no live certificate of a",),
        _honest_ca,
    ),
    Fault(
        "key-leaks", "no-key-anywhere", "the key is given to a program, told in an answer, and left in a file",
        ("no key in argv and environ of any process", "no key in answers of x2secctl and keydistctl",
         "no key in any file but those"),
        _leaks,
    ),
    *enrolment_faults.made(Fault),
    Fault(
        "sa-goes-at-the-epochs-end", "epoch-change", "the SA that carries goes before there is a new one",
        ("no packet lost in 2 epoch changes",),
        key_faults.sa_goes,
    ),
    Fault(
        "sa-goes-beside-a-wrong-clock", "epoch-change-clock-off", "the SA that carries goes before there is a new one",
        ("no packet lost",),
        key_faults.sa_goes,
    ),
    Fault(
        "replica-of-another-service", "etcd-replicas", "r3 has a store of its own",
        ("never two keys for one pair, epoch, generations and purpose",),
        key_faults.own_store,
    ),
    *faults_interop.ALL,
)  # fmt: skip


def select(names):
    """The faults asked for: names of faults or scenarios, or `all`. Failed names what is not there."""
    if list(names) == ["all"]:
        return list(ALL)
    missing = [n for n in names if not any(n in (f.name, f.scenario) for f in ALL)]
    if missing:
        raise process.Failed(f"no fault named {', '.join(missing)}; `lab plant --list` shows all")
    return [f for f in ALL if f.name in names or f.scenario in names]
