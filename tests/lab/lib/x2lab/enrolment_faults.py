"""Planted faults (see faults.py) of what comes before an enrolment."""

from . import provisioning


def _good_files(_scene, patch, module):
    """Each bad file is a good one, serials going up."""

    def bad(original, scene):
        return [
            (what, provisioning.make(scene, f"good-{n}", module._data(n + 1)).read_bytes(), words)
            for n, (what, _, words) in enumerate(original(scene))
        ]

    patch(module, "_bad_files", bad)


def _honest_ca(_scene, patch, module):
    patch(module, "_start_ca", lambda original, site, secret, sin=None: original(site, secret))


def made(fault):
    """They, as faults.Fault."""
    return (
        fault(
            "every-file-is-taken", "provisioned", "each bad provisioning file is taken as if it were good",
            tuple(f"{what}: refused (" for what in (
                "unsigned", "tampered", "a policy", "signed with a vendor certificate", "signer below another vendor's root",
                "signer for another HeNB", "an expired signer", "another HeNB's", "past its date")),
            _good_files,
        ),
        fault(
            "mac-is-never-missed", "mac-credential", "the answer that lacks the MAC is one that has it",
            ("mac-signed: the answer is refused",),
            _honest_ca,
        ),
    )  # fmt: skip
