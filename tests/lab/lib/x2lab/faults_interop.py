"""Faults of the scenarios about enrolment, other people's certificates and other people's IKE daemons."""

from . import backhaul, cross, moves, nem
from .planting import Fault, open_while_refused, opened


def _open_while_not_heard(letters):
    def plant(scene, patch, _):
        def not_heard(original, *args):
            with opened(scene, letters):
                return original(*args)

        patch(moves, "not_heard", not_heard)

    return plant


def _fragments_cross(scene, patch, module):
    patch.put(module, "NO_FRAGMENTS", module.NO_FRAGMENTS.replace("counter drop", "counter accept"))


def _strangers_are_b(scene, patch, module):
    """Whoever comes to the NEM, and whatever is asked of the RA/CA with its credential, is a listed device with its own request."""
    patch(module, "_uploaded", lambda original, the_nem, where, *_: original(the_nem, where, where.material.henb("b"), nem.pkcs10(where, "b")))
    patch(module, "_asked_of_the_ca", lambda original, the_nem, _request: original(the_nem, nem.pkcs10(the_nem.scene, "a")))


def _open_past_the_tunnel(scene, patch, module):
    def outside(original, *args):
        with opened(scene, "a"):
            return original(*args)

    patch(module, "_outside_the_tunnel", outside)


def _right_certificates(scene, patch, module):
    def right(_original, _scene, requests):
        return [nem.sign_by_hand(scene, requests[each], scene.artefacts / f"good-{each}.pem") for each in requests]

    patch(module, "_wrong_certificates", right)


def _nothing_is_constrained(scene, patch, _):
    patch(cross, "certify", lambda original, where, authority, other, name, *_, **__: original(where, authority, other, name))


def _gateway_takes_both(scene, patch, module):
    patch(module, "_start", lambda original, *args, **more: (backhaul.open_gateway(scene, "a"), original(*args, **more))[1])


def _keys_of_one_kind(_scene, patch, module):
    patch.put(module, "KEY", "P-256")


ALL = (
    Fault(
        "gateway-takes-both", "backhaul-refused", "the gateway takes the operator certificate as well",
        ("the gateway does not take the operator certificate", "the old one is up as it was"),
        _gateway_takes_both,
    ),
    Fault(
        "strangers-are-listed", "enrol-through-nem", "whoever comes to the NEM is a listed device, and whatever the NEM asks for is",
        ("nobody's certificate: nothing is taken", "a certificate of a vendor the NEM does not know: nothing is taken",
         "a device that is not listed: nothing is taken", "a listed device in the name of another: nothing is taken",
         "a forged proof of possession: nothing is taken", "a device that the RA/CA does not list: the RA/CA refuses",
         "with the NEM's credential, a forged proof of possession"),
        _strangers_are_b,
    ),
    Fault(
        "nem-past-the-tunnel", "enrol-through-nem", "without guard and policies the NEM is reached past the backhaul",
        ("past the backhaul's tunnel a does not get to the NEM",),
        _open_past_the_tunnel,
    ),
    Fault(
        "any-import-will-do", "enrol-through-nem-by-hand", "what is imported is right in the first place",
        ("of another CA, for another key: not taken", "both still wait"),
        _right_certificates,
    ),
    Fault(
        "nothing-is-constrained", "cross-certificate", "the cross-certificates constrain neither length nor names",
        ("path length 0, c below a sub-CA: refused", "certified for other names: refused"),
        _nothing_is_constrained,
    ),
    Fault(
        "shown-unconstrained", "cross-certificate-in-payload", "what c shows constrains neither length nor names",
        ("path length 0, c below a sub-CA: refused", "certified for other names: refused"),
        _nothing_is_constrained,
    ),
    Fault(
        "open-without-an-answer", "revoked-by-ocsp", "the link is open though the authority has not answered",
        ("nothing passes from a to b",),
        open_while_refused("ab"),
    ),
    Fault(
        "open-without-strongswan", "strongswan-neighbour", "b's guard and policies go when strongSwan dies",
        ("b sends nothing",),
        open_while_refused("b"),
    ),
    Fault(
        "hears-strongswan-in-clear", "strongswan-neighbour", "b takes what comes in clear from a dead strongSwan's host",
        ("what a now sends in clear does not get past b's guard",),
        _open_while_not_heard("b"),
    ),
    Fault(
        "open-in-ipv6", "ipv6-neighbours", "nothing is shut in IPv6 before there is a policy",
        ("nothing passes before there is a policy",),
        open_while_refused("ab"),
    ),
    Fault(
        "open-through-nat", "neighbour-behind-nat", "a and b are open before they know each other",
        ("nothing passes before they know each other",),
        open_while_refused("ab"),
    ),
    Fault(
        "fragments-cross", "large-chain-small-mtu", "the narrow path lets fragments through",
        ("a large one, in fragments, does not",),
        _fragments_cross,
    ),
    Fault(
        "keys-of-one-kind", "mixed-keys", "both ends have ECDSA keys",
        ("those with an ECDSA key have learned it, once each",),
        _keys_of_one_kind,
    ),
    Fault(
        "open-to-an-enb", "enb-neighbour", "the link to an eNB that may have no key is open",
        ("a sends nothing to c",),
        open_while_refused("ac"),
    ),
)  # fmt: skip
