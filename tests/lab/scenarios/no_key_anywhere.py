"""The key of a pair, and the places where it must not be."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time

from x2lab import layout, moves, process, secret_search
from x2lab.pluto import X2_SECRETS

NAME = "no-key-anywhere"
ABOUT = (
    "The pair's key is in the secrets file on tmpfs and in no argument, environment, log, answer, file or core dump."
)
REQUIREMENTS = ("R48",)
TAGS = ("keys",)
NODES = ("a", "b")
TIMEOUT = 420
KEY = re.compile(r"PSK 0x([0-9a-f]+)")
QUESTIONS = (
    ("links",),
    ("links", "--json"),
    ("explain", "henb-b.example"),
    ("credentials", "--json"),
    ("doctor",),
    ("metrics",),
    ("neighbour", "list", "--json"),
)
KEYDIST_QUESTIONS = (("status",), ("henb", "list"), ("epoch", "show"), ("audit", "show"))


def _keys(scene):
    return {bytes.fromhex(each) for end in "ab" for each in KEY.findall(scene[end].path(X2_SECRETS).read_text())}


def _proof_of_the_search(scene, story):
    """A search that finds nothing has to be one that can find something."""
    planted = os.urandom(32)
    with secret_search.Processes() as seen:
        for argv, env in (([planted.hex()], {}), ([], {"PLANTED": planted.hex()})):
            sleeper = ["/usr/bin/python3", "-c", "import time; time.sleep(1)"]
            scene["a"].run(*sleeper, *argv, env={"PATH": "/usr/bin", **env})
    found = seen.search({planted})
    story.step("the search finds a key in argv and environ", "; ".join(found), len({f.split()[0] for f in found}) == 2)
    place = scene["a"].path("/var/lib/planted")
    place.mkdir()
    for name, text in secret_search.spellings(planted).items():
        (place / "file").write_bytes(b"some text " + text + b" and more")
        found = secret_search.in_files([place], {planted})
        story.step(f"the search finds a key in a file, {name}", "; ".join(found), len(found) == 1)
    (place / "file").unlink()


def _answers(site):
    text = []
    for words in QUESTIONS:
        done = site["a"].ctl(*words, check=False)
        text += [f"x2secctl {' '.join(words)} {done.status}", done.out, done.err]
    for words in KEYDIST_QUESTIONS:
        done = site.keydist.ctl(*words, check=False)
        text += [f"keydistctl {' '.join(words)} {done.status}", done.out, done.err]
    return "\n".join(text).encode()


def _core_dumps(scene, story, site):
    """With core dumps allowed on the machine, an abort of those who hold keys leaves none."""
    pattern = "/proc/sys/kernel/core_pattern"
    with open(pattern) as f:
        before = f.read()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="x2lab-cores-", dir="/var/tmp"))  # every node sees it
    scene.on_close(lambda: shutil.rmtree(folder))
    try:
        with open(pattern, "w") as f:
            f.write(f"{folder}/%e.%p\n")
        unlimited = ["/usr/bin/python3", "-c", "import os; os.abort()"]
        scene["a"].run("/usr/bin/prlimit", "--core=unlimited", *unlimited, check=False)
        cores = sorted(p.name for p in folder.iterdir())
        story.step("a program that allows it leaves a core dump", " ".join(cores), len(cores) == 1)
        for daemon in (site["a"].daemon, site.keydist.daemon):
            daemon.send(signal.SIGABRT)
            daemon.wait(30)
        left = sorted(p.name for p in folder.iterdir() if p.name not in cores)
        statuses = f"ended with {site['a'].daemon.child.returncode} and {site.keydist.daemon.child.returncode}"
        story.step("x2secd and keydist-server leave none", f"{statuses}, core files: {left or 'none'}", not left)
    finally:
        with open(pattern, "w") as f:
            f.write(before)
    site.keydist.start()
    site["a"].start()


def _changed_since(begun, folder):
    """What is in a folder of everybody's: files there may be gone before they are looked at."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_mtime >= begun:
                found.append(path)
    return found


def run(scene, story):
    started = time.time()
    _proof_of_the_search(scene, story)
    with secret_search.Processes() as seen:
        site = moves.psk_only_pair(scene, story)
        keys = _keys(scene)
        site.keydist.ctl("rotate", layout.HENBS["a"].id)
        process.until("another key", lambda: _keys(scene) - keys, 30)
        process.until("the same at both ends", lambda: len(_keys(scene)) == 1, 30)
        spi = site["a"].link("b")["esp"]["spi_out"]
        process.until("the keys have changed", lambda: site["a"].link("b")["esp"]["spi_out"] != spi, 60, every=0.5)
        answers = _answers(site)
    keys |= _keys(scene)
    story.step(
        "the keys are known to this test", f"{len(keys)} of {sorted({len(k) for k in keys})} octets", len(keys) == 2
    )
    for end in "ab":
        mode = scene[end].path(X2_SECRETS).stat().st_mode & 0o777
        kind = scene[end].run("stat", "-f", "-c", "%T", X2_SECRETS).out.strip()
        story.step(
            f"{end}'s secrets file is private and in memory", f"{mode:o} on {kind}", (mode, kind) == (0o600, "tmpfs")
        )

    def absent(where, found, searched):
        story.step(f"no key in {where}", "; ".join(found) or searched, not found)

    absent("argv and environ of any process", seen.search(keys), f"{seen.processes} processes, {seen.texts} texts")
    absent(
        "answers of x2secctl and keydistctl", secret_search.in_text("answers", answers, keys), f"{len(answers)} octets"
    )
    _core_dumps(scene, story, site)
    scene.stop_captures()
    secrets = [str(scene.folder / end / "run" / X2_SECRETS.removeprefix("/run/")) for end in "ab"]
    places = [scene.folder, scene.artefacts, "/var/log", "/var/tmp", "/var/crash"]
    places += _changed_since(started, pathlib.Path("/tmp"))
    begun = time.monotonic()
    searched = secret_search.Count()
    found = secret_search.in_files(places, keys, searched, since=started)
    story.note(f"searched {searched} in {time.monotonic() - begun:.1f} s")
    known = [f for f in found if f.split()[0] in secrets]
    story.step("the search sees the secrets files", "; ".join(known), len(known) == 2)
    absent(
        "any file but those: state, /etc, logs, captures, the key service's store",
        [f for f in found if f not in known],
        str(searched),
    )
    site.wait_up("a", "b", 90)
