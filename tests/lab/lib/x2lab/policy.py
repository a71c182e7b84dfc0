"""Policies of the lab: rules by name, the JSON file, and its signature by the operator's signer below a vendor's root."""

import datetime
import json

from . import layout, process, programs

OPERATOR = layout.OPERATOR_DOMAIN
ENROLMENT = {
    "server_url": f"http://{layout.CA_ADDRESS}:{layout.CA_PORT}/pkix/",
    "recipient": "/O=Operator/CN=Operator RA",
    "transport": "BACKHAUL",
}


def _ids(letters):
    return [layout.HENBS[each].id for each in letters]


def certificates(letters, name="certificates", **more):
    """Same CA, else both enrolled: the methods of a rule that lists none."""
    return {"id": name, "match": {"neighbours": _ids(letters)}, **more}


def psk(letters, name="pair-key", **more):
    """Certificates where facts allow, else the key of the pair from the key service."""
    return {
        "id": name,
        "match": {"neighbours": _ids(letters)},
        "methods": ["CERT_SAME_CA", "CERT_ENROLLED", "PSK"],
        **more,
    }


def psk_only(letters, name="pair-key-only", **more):
    return {"id": name, "match": {"neighbours": _ids(letters)}, "methods": ["PSK"], **more}


def trusted(letters, name="trusted-wire", interface="wire0", network="10.9.5.0/24", **more):
    """No IPsec, on this interface and in this network only."""
    return {
        "id": name,
        "match": {"neighbours": _ids(letters), "interfaces": [interface], "networks": [network]},
        "methods": ["TRUSTED"],
        **more,
    }


def make(rules, version=1, audience="abcdef", days=(-1, 365), enrolment=True, **more):
    """A policy as a value. `days`: not_before and not_after, from today."""

    def when(offset):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    made = {
        "schema": 1,
        "operator": OPERATOR,
        "audience": _ids(audience),
        "version": version,
        "not_before": when(days[0]),
        "not_after": when(days[1]),
        "rules": list(rules),
    }
    if enrolment:
        made["enrolment"] = ENROLMENT if enrolment is True else enrolment
    return {**made, **more}


def sign(value, signer, target, check=True):
    """Signs a policy (a value, or JSON text) with a signer's credential: the CMS file `target`. check=False: whatever it says."""
    source = target.with_suffix(".json")
    source.write_text(value if isinstance(value, str) else json.dumps(value, indent=1))
    process.run(
        [
            programs.find("x2policy"),
            "sign",
            "--cert",
            signer.cert,
            "--key",
            signer.key,
            "--out",
            target,
            source,
            *([] if check else ["--no-check"]),
        ],
        timeout=60,
    )
    return target
