"""The new secret of one end is wrong: the change of keys fails, and the link does not notice."""

import os
import re
import time

from x2lab import layout, moves, process
from x2lab.pluto import X2_SECRETS

NAME = "rotate-wrong-secret"
ABOUT = "With a wrong new secret at one end the key change is refused with an alarm: no packet lost, the old SA stays."
REQUIREMENTS = ("R20", "R46")
TAGS = ("quick", "rotate")
NODES = ("a", "b")


def _put(scene, letter, secrets):
    scene[letter].write(X2_SECRETS, secrets, 0o600)
    scene.plutos[letter].whack("--rereadsecrets")


def run(scene, story):
    site = moves.psk_only_pair(scene, story)
    begun = time.time()
    b = layout.HENBS["b"].id
    before = site["a"].link("b")["esp"]
    flow = moves.flow(scene).start().run_for(1)
    right = scene["b"].path(X2_SECRETS).read_text()
    _put(scene, "b", re.sub(r"0x[0-9a-f]+", "0x" + os.urandom(32).hex(), right))
    refused = site["a"].ctl("rotate", b, "--timeout", "40s", timeout=60, check=False)
    said = refused.err.strip() or refused.out.strip()
    story.step(
        "x2secctl rotate says why, exit 1",
        f"exit {refused.status} after {refused.seconds:.1f} s: {said}",
        refused.status == 1 and "reauthentication_refused" in said,
    )
    log = site["a"].daemon
    process.until("the alarm", lambda: "level=alarm event=key_change.failed" in log.tail(200000), 10)
    story.step("an alarm in the log", "key_change.failed", True)
    after = site["a"].link("b")
    story.step(
        "the link is up with the SA that it had",
        f"{after['state']}, spi_out {before['spi_out']} → {after['esp']['spi_out']}",
        after["state"] == "UP_PSK" and after["esp"]["spi_out"] == before["spi_out"],
    )
    _put(scene, "b", right)

    def rotated():
        done = site["a"].ctl("rotate", b, "--timeout", "40s", timeout=60, check=False)
        if done.status != 0:
            raise process.Failed(str(done))  # x2secd is in the middle of an attempt of its own
        return done

    process.until("the right secret is back: the keys change", rotated, 60, every=0.5)
    last = site["a"].link("b")["esp"]["spi_out"]
    story.step("with the right secret the keys change", f"spi_out {last}", last != before["spi_out"])
    story.flow("no packet lost in all of it", flow.run_for(1).stop())
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
