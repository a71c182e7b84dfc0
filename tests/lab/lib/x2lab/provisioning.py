"""Provisioning data of the lab: what x2policy makes of them, and x2secd takes."""

import json

from . import layout, policy, process, programs


def data(letter="a", serial=1, **more):
    """The JSON for one HeNB, as a value."""
    made = {
        "schema": 1,
        "device": layout.HENBS[letter].id,
        "operator": policy.OPERATOR,
        "serial": serial,
        "not_after": "2049-01-01T00:00:00Z",
    }
    return {**made, **more}


def make(scene, name, value, signer=None, first_policy=None, mac_secret=None, device=None, operator_root=True):
    """The file for the device, by `x2policy provision make`. `signer`: the operator's configuration signer below vendor 1 where none
    is given; `mac_secret`: a file; `device`: letter of the HeNB whose certificate it is encrypted to."""
    material = scene.material
    signer = signer or material.signer(1)
    source, target = scene.artefacts / f"{name}.json", scene.artefacts / f"{name}.cms"
    source.write_text(json.dumps(value, indent=1))
    words = ["--cert", signer.cert, "--key", signer.key, "--out", target]
    words += ["--operator-root", material.operator.root.cert] if operator_root else []
    words += ["--policy", first_policy] if first_policy else []
    if mac_secret:
        words += ["--mac-secret", mac_secret, "--device-cert", material.henb(device or "a").cert]
    process.run([programs.find("x2policy"), "provision", "make", *words, source], timeout=60)
    return target


def give(x2secd, file, check=True):
    """`x2secctl provision` of this file (a path outside, or octets)."""
    content = file if isinstance(file, bytes) else file.read_bytes()
    inside = x2secd.node.write("/run/lab/provisioning.cms", content)
    return x2secd.ctl("provision", inside, check=check)
