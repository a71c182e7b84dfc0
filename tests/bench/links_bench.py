#!/usr/bin/env python3
"""32 links of one x2secd from `neighbour replace` to all UP, beside a bare loop of whack on the same pluto.

Runs in the lab's machine (bench.py starts it there): links_bench.py prepare | links_bench.py run RESULT. HeNB a has x2secd; the other
side is one pluto with 32 addresses and identities, which only answers. Ours and the floor alternate; medians of three rounds.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "lab" / "lib"))

from x2lab import kernel, layout, material, nss, pluto, policy, process, product, programs, scene  # noqa: E402

COUNT = 32
ROUNDS = 5
GOAL = 1.2
RSS_LIMIT_KIB = 32 * 1024
SUITE = "AES256_GCM16_SHA2_256_DH19"  # what pluto.SUITES is for whack
ME = layout.HENBS["a"]
# reqids far from those that x2secd gives: SAs of its own that it does not want it deletes.
PEERS = [(f"henb-n{n:02}.example", f"10.9.1.{n}", 9000 + n) for n in range(1, COUNT + 1)]
AS_X2SECD = ("--dontrekey", "--reauth", "--keyingtries", "1")
FLOOR_SECRETS = "/run/lab/floor.secrets"


def tell(text):
    print(f"links: {text}", file=sys.stderr, flush=True)


def prepare(credentials):
    """On the host, once: certificates of the 32 and one NSS database with all of them. Its folder."""
    folder = credentials.folder / f"bench-{COUNT}"
    if not (folder / "ckaids.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(credentials.nss("b"), folder / "nss")
        for identity, _, _ in PEERS:
            made = credentials.vendors[1].issue(identity, f"O=Vendor 1, CN={identity}", dns=(identity,), folder=folder)
            nss.add_credential(folder / "nss", identity, made)
        ckaids = {identity: nss.ckaid(folder / "nss", identity) for identity, _, _ in PEERS}
        (folder / "ckaids.json").write_text(json.dumps(ckaids))
    return folder


def processor_s(pid):
    """Seconds of processor time that the process has used, and its children that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, children = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    tick = os.sysconf("SC_CLK_TCK")
    return own / tick, children / tick


class Bench:
    """The scene of the measurement: x2secd on a, and the peers' one pluto on b."""

    def __init__(self, stage, folder):
        self.stage, self.folder = stage, folder
        self.a, self.b = stage.plutos["a"], stage.plutos["b"]
        self.ckaids = json.loads((folder / "ckaids.json").read_text())
        self.anchor = stage.material.vendor_root("a")
        self.rss = 0

    def set_up(self):
        node_a, node_b = self.stage["a"], self.stage["b"]
        node_a.ip("route add 10.9.1.0/24 dev lan0")
        node_b.ip(*[f"addr add {address}/32 dev lan0" for _, address, _ in PEERS])
        self.b.stop()
        shutil.copytree(self.folder / "nss", node_b.path(pluto.NSS_FOLDER), dirs_exist_ok=True)
        self.b.start()
        node_a.write("/etc/ipsec.secrets", f"include {pluto.X2_SECRETS}\ninclude {FLOOR_SECRETS}\n", 0o600)
        node_a.write(FLOOR_SECRETS, "", 0o600)
        self.keydist = product.KeydistServer(self.stage).start()
        self.keydist.register("a")
        spki = self.anchor.spki_sha256()
        for identity, _, _ in PEERS:
            self.keydist.ctl("henb", "add", identity, "--anchor", spki, "--group", "site")
        self.x2secd = product.X2secd(self.stage, "a", timers={"reconcile": "15s"}, log={"level": "info"})
        self.x2secd.guard_up().start()
        records = [
            {
                "id": identity,
                "kind": "HENB",
                "x2c_addresses": [address],
                "x2u_addresses": [address],
                "ike_address": address,
                "interface": "lan0",
                "capabilities": {"cmpv2": True, "psk": True},
                "issuer_spki_sha256": spki,
            }
            for identity, address, _ in PEERS
        ]
        self.all = node_a.write("/run/lab/all.json", json.dumps(records))
        self.none = node_a.write("/run/lab/none.json", "[]")

    def push(self, method, version):
        rule = {
            "id": "bench",
            "match": {"neighbours": [identity for identity, _, _ in PEERS]},
            "methods": [method],
            "suites": [SUITE],
        }
        self.x2secd.push(policy.make([rule], version), name=f"policy{version}")

    def answer(self, psk):
        """The peers' connections: the same identities and addresses by this method."""
        for identity, address, reqid in PEERS:
            name = f"peer-{reqid}"
            self.b.whack("--delete", "--name", name)
            me, other = pluto.End(identity, address), pluto.End(ME.id, ME.lan)
            if psk:
                self.b.add_psk(name, me, other, reqid, *AS_X2SECD)
            else:
                self.b.add_certificate(name, me, other, self.ckaids[identity], self.anchor.subject(), reqid, *AS_X2SECD)

    def sas(self, letter):
        return sum(1 for s in kernel.states(self.stage[letter]) if "10.9.1." in f"{s.src} {s.dst}")

    def wait_sas(self, wanted, timeout=240):
        process.until(f"{wanted} SAs", lambda: self.sas("a") == wanted and self.sas("b") == wanted, timeout, every=0.5)

    def ours(self):
        """Seconds from the call until the last link says since when it is up."""
        before = processor_s(self.x2secd.daemon.pid)
        begun = time.time()
        self.x2secd.ctl("neighbour", "replace", "--file", self.all)
        called = time.time() - begun
        self.wait_sas(2 * COUNT)

        def all_up():
            links = self.x2secd.json("links")
            return len(links) == COUNT and all(link["state"].startswith("UP_") for link in links) and links

        links = process.until("all links up", all_up, 120, every=1)
        last = max(datetime.datetime.fromisoformat(link["since"]).timestamp() for link in links)
        self.rss = max(self.rss, self.rss_kib())
        own, whacks = (after - was for after, was in zip(processor_s(self.x2secd.daemon.pid), before))
        tell(f"ours: {last - begun:.2f} s, the call {called:.2f}; processor: x2secd {own:.2f}, its whacks {whacks:.2f}")
        self.leave()
        return last - begun

    def leave(self):
        self.x2secd.ctl("neighbour", "replace", "--file", self.none)
        self.wait_sas(0)

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.x2secd.daemon.pid}/status").read_text()
        tell("; ".join(re.findall(r"(?:VmRSS|RssAnon|RssFile):\s+\d+ kB", status)))
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def floor(self, psk):
        """Seconds of a bare loop of whack, until the kernel told of the last SA."""
        node = self.stage["a"]
        lines = []
        ckaid = nss.ckaid(self.stage.material.nss("a"), "vendor")
        for identity, address, reqid in PEERS:
            auth = ["--authby", "psk"] if psk else ["--authby", "ecdsa", "--sendcert", "always"]
            mine = auth if psk else ["--ckaid", ckaid, *auth]
            theirs = auth if psk else ["--ca", f"'{self.anchor.subject()}'", *auth]
            words = [pluto.WHACK, "--name", f"floor-{reqid}", "--id", f"@{ME.id}", "--host", ME.lan, *mine]
            words += ["--updown", "%disabled", "--to", "--id", f"@{identity}", "--host", address, *theirs]
            words += ["--ikev2", "--encrypt", "--pfs", "--psk" if psk else "--ecdsa", "--tunnel", "--overlapip"]
            words += ["--reqid", str(reqid), *pluto.SUITES, "--ikefrag-allow", *pluto.TIMERS, *AS_X2SECD]
            lines += [" ".join(words), f"{pluto.WHACK} --initiate --asynchronous --name floor-{reqid}"]
        up = node.write("/run/lab/up.sh", "\n".join(lines) + "\n")
        down = node.write(
            "/run/lab/down.sh", "".join(f"{pluto.WHACK} --delete --name floor-{r}\n" for _, _, r in PEERS)
        )
        if psk:
            node.write(FLOOR_SECRETS, self.secrets, 0o600)
            self.a.whack("--rereadsecrets")
        events = node.start("events", "ip", "-ts", "xfrm", "monitor", "SA")
        process.until("the monitor runs", lambda: events.must_run(), 5)
        size = events.log.stat().st_size
        time.sleep(1)  # until it listens
        begun = time.time()
        node.run("sh", up, timeout=200)
        self.wait_sas(2 * COUNT)
        process.until("events told", lambda: events.log.stat().st_size > size, 10)
        time.sleep(1)
        events.stop()
        stamps = re.findall(r"\[(\d{4}-\d\d-\d\dT[\d:.]+)\]", events.log.read_text()[size:])
        last = datetime.datetime.fromisoformat(stamps[-1]).timestamp()
        node.run("sh", down, timeout=200)
        node.write(FLOOR_SECRETS, "", 0o600)
        self.a.whack("--rereadsecrets")
        self.wait_sas(0)
        return last - begun

    def learn_secrets(self):
        """The keys of the pairs, as the key service gives them to a, for the peers' pluto and for the floor."""
        self.x2secd.ctl("neighbour", "replace", "--file", self.all)
        file = self.stage["a"].path(pluto.X2_SECRETS)

        def keys():
            found = file.read_text() if file.is_file() else ""
            return found.count("PSK") == COUNT and found

        self.secrets = process.until("all keys", keys, 120, every=0.5)
        self.stage["b"].write(pluto.X2_SECRETS, self.secrets, 0o600)
        self.b.whack("--rereadsecrets")
        self.x2secd.ctl("neighbour", "replace", "--file", self.none)
        self.wait_sas(0)

    def measure(self, name, psk):
        ours, floor = [], []
        for _ in range(ROUNDS):
            ours.append(self.ours())
            floor.append(self.floor(psk))
            tell(f"{name}: ours {ours[-1]:.2f} s, whack {floor[-1]:.2f} s, RSS {self.rss} KiB")
        mine, bare = statistics.median(ours), statistics.median(floor)
        return {
            "name": name,
            "ours": mine,
            "floor": bare,
            "unit": "s",
            "ratio": mine / bare,
            "goal": GOAL,
            "ok": mine <= GOAL * bare,
        }


def run(target):
    scene.load_modules()
    credentials = material.load(programs.CACHE, tell)
    results = []
    artefacts = pathlib.Path(target).parent / "links"
    try:
        with scene.Scene(("a", "b"), artefacts, credentials, tell) as stage:
            bench = Bench(stage, prepare(credentials))
            bench.set_up()
            tell("measuring with certificates")
            bench.push("CERT_SAME_CA", 1)
            bench.answer(psk=False)
            results.append(bench.measure("links-up-32-cert", False))
            tell("measuring with pre-shared keys")
            bench.push("PSK", 2)
            bench.answer(psk=True)
            bench.learn_secrets()
            results.append(bench.measure("links-up-32-psk", True))
            results.append(
                {
                    "name": "rss-x2secd-32-links",
                    "ours": bench.rss,
                    "floor": RSS_LIMIT_KIB,
                    "unit": "KiB",
                    "ratio": bench.rss / RSS_LIMIT_KIB,
                    "goal": 1.0,
                    "ok": bench.rss <= RSS_LIMIT_KIB,
                }
            )
    finally:
        pathlib.Path(target).write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["prepare"]:
        prepare(material.load(programs.CACHE, tell))
    elif sys.argv[1:2] == ["run"] and len(sys.argv) == 3:
        sys.exit(run(sys.argv[2]))
    else:
        sys.exit(__doc__)
