"""Several replicas of the key service over real members of etcd, each pair in a node of its own; what can be done to them; and a recorder.

A node `r1`, `r2`, `r3` holds a member of etcd and a keydist-server that asks all members. Their data lie on a disk of their own (a loop
device below dm-delay), which can be made slow.
"""

import contextlib
import json
import pathlib

from . import layout, process, product, programs

CLIENTS, PEERS, METRICS = 2379, 2380, 2381
FOLDER = "/var/lib/etcd"
PLACE = "/etc/etcd"
# Of a machine that is sixteen times slower than the real one: an election takes as long as the machine's own pauses allow.
TIMING = ("--heartbeat-interval=500", "--election-timeout=5000")
SILENCE = 15  # seconds; store.etcd.silence
DISK_MIB = 224  # sparse; etcd sets aside two logs of 64


class Disk:
    """A file of the lab as a block device with a delay, with a file system on it, mounted in a node."""

    def __init__(self, node, folder):
        self.node = node
        self.name = f"x2lab-{node.name}"
        image = pathlib.Path(folder) / f"{self.name}.img"
        with open(image, "wb") as f:
            f.truncate(DISK_MIB << 20)
        self.loop = process.run(["losetup", "--find", "--show", image]).out.strip()
        self.sectors = process.run(["blockdev", "--getsz", self.loop]).out.strip()
        process.run(["dmsetup", "create", "--noudevrules", "--noudevsync", self.name, "--table", self._table(0)])
        process.run(["dmsetup", "mknodes", self.name], check=False)
        self.device = f"/dev/mapper/{self.name}"
        process.run(["mkfs.ext4", "-q", "-O", "^has_journal", self.device], timeout=60)
        node.path(FOLDER).mkdir(parents=True, exist_ok=True)
        node.run("mount", self.device, FOLDER)

    def _table(self, milliseconds):
        """Reads as they are; writes, and what is to be flushed, late."""
        return f"0 {self.sectors} delay {self.loop} 0 0 {self.loop} 0 {milliseconds} {self.loop} 0 {milliseconds}"

    def slow(self, milliseconds):
        process.run(["dmsetup", "suspend", "--noflush", "--nolockfs", self.name], timeout=60)
        process.run(["dmsetup", "reload", self.name, "--table", self._table(milliseconds)])
        process.run(["dmsetup", "resume", "--noudevsync", self.name], timeout=60)

    def close(self):
        self.node.run("umount", "--lazy", FOLDER, check=False)
        process.run(["dmsetup", "remove", "--force", "--noudevsync", self.name], check=False)
        process.run(["losetup", "--detach", self.loop], check=False)


class Member:
    """One member of etcd."""

    def __init__(self, scene, name):
        self.node, self.name = scene[name], name
        self.address, self.host = layout.REPLICAS[name]
        self.daemon = None
        self.disk = Disk(self.node, scene.folder)
        scene.on_close(self.disk.close)

    def begin(self):
        cluster = ",".join(f"{n}=https://{host}:{PEERS}" for n, (_, host) in layout.REPLICAS.items())
        tls = []
        for prefix in ("", "peer-"):
            tls += [f"--{prefix}trusted-ca-file={PLACE}/ca.pem", f"--{prefix}cert-file={PLACE}/member.pem",
                    f"--{prefix}key-file={PLACE}/member.key", f"--{prefix}client-cert-auth"]  # fmt: skip
        self.daemon = self.node.start(
            "etcd", "/usr/bin/etcd", f"--name={self.name}", f"--data-dir={FOLDER}/data",
            f"--listen-client-urls=https://{self.address}:{CLIENTS}", f"--advertise-client-urls=https://{self.host}:{CLIENTS}",
            f"--listen-peer-urls=https://{self.address}:{PEERS}", f"--initial-advertise-peer-urls=https://{self.host}:{PEERS}",
            f"--initial-cluster={cluster}", f"--listen-metrics-urls=http://{self.address}:{METRICS}", *tls, *TIMING,
        )  # fmt: skip
        return self

    def kill(self):
        self.daemon.kill()

    def leads(self):
        """Whether it says that it is the leader; False where it says nothing."""
        fetch = (
            "import signal, sys, urllib.request; signal.alarm(8); "
            "sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=3).read())"
        )
        said = self.node.run("/usr/bin/python3", "-c", fetch, f"http://{self.address}:{METRICS}/metrics", check=False)
        return "\netcd_server_is_leader 1" in said.out


class Replicas:
    """The three members, and the three servers over them."""

    def __init__(self, scene, **overrides):
        self.scene, self.names = scene, list(layout.REPLICAS)
        process.run(["modprobe", "-a", "-q", "loop", "dm-mod", "dm-delay", "ext4"], check=False, timeout=60)
        operator = scene.material.operator
        client = operator.issue("etcd-client", "O=Operator, CN=keydist", dns=(layout.KEYDIST_NAME,), folder=scene.folder)
        self.members, self.servers = {}, {}
        for name, (address, host) in layout.REPLICAS.items():
            node = scene[name]
            own = operator.issue(f"etcd-{name}", f"O=Operator, CN={host}", dns=(host,), ips=(address,), folder=scene.folder)
            node.write(f"{PLACE}/ca.pem", operator.root.cert.read_text())
            node.write(f"{PLACE}/member.pem", own.cert.read_text())
            node.write(f"{PLACE}/member.key", own.key.read_text(), 0o600)
            node.write(f"{PLACE}/client.pem", client.cert.read_text())
            node.write(f"{PLACE}/client.key", client.key.read_text(), 0o600)
            self.members[name] = Member(scene, name)
            self.servers[name] = product.KeydistServer(scene, name, **self._settings(name, address, overrides))

    def _settings(self, name, address, overrides):
        # Its own member first: what it hears of then is what its own side of a cut knows.
        order = [name, *(n for n in self.names if n != name)]
        mine = {
            "network": {"listen": f"{address}:{layout.KEYDIST_PORT}", "placement": "behind_segw", "inner_pool": ["10.200.0.0/16"]},
            "store": {"backend": "etcd"},
            "store.etcd": {
                "endpoints": [f"{layout.REPLICAS[n][1]}:{CLIENTS}" for n in order],
                "ca": f"{PLACE}/ca.pem", "certificate": f"{PLACE}/client.pem", "key": f"{PLACE}/client.key",
                "deadline": "4s", "silence": f"{SILENCE}s",
            },
            "audit": {"replica": name},
            "limits": {"calls_per_second": 1000, "burst": 10000},
        }  # fmt: skip
        for table, keys in overrides.items():
            mine.setdefault(table, {}).update(keys)
        return mine

    def start(self):
        for member in self.members.values():
            member.begin()
        process.until("etcd has a leader", self.leader, 120, every=1)
        for server in self.servers.values():
            server.begin()
        for server in self.servers.values():
            server.wait_ready(150)
        return self

    def leader(self):
        """Name of the member that leads, or None."""
        return next((n for n, m in self.members.items() if m.daemon.running() and m.leads()), None)

    @contextlib.contextmanager
    def cut(self, *alone):
        """Each of these is cut off from both others, by the nodes' own packet filters: members and servers, both ways."""
        everybody = ", ".join(address for address, _ in layout.REPLICAS.values())
        for name in alone:
            mine = layout.REPLICAS[name][0]
            others = everybody.replace(f"{mine}, ", "").replace(f", {mine}", "")
            self.scene[name].run("nft", "-f", "-", feed=(
                "table inet cut {\n"
                f" chain inwards {{\n  type filter hook input priority -300;\n  ip saddr {{ {others} }} drop\n }}\n"
                f" chain outwards {{\n  type filter hook output priority -300;\n  ip daddr {{ {others} }} drop\n }}\n}}\n"))  # fmt: skip
        try:
            yield
        finally:
            for name in alone:
                self.scene[name].run("nft", "delete", "table", "inet", "cut", check=False)

    def register(self, letters, group="site"):
        self.servers[self.names[0]].register(letters, group)


class Recorder:
    """At HeNBs: asks every replica for the key of a pair all the time, through the backhaul, and notes what it was given."""

    def __init__(self, scene, modules, pair):
        self.files = []
        targets = [f"{name}={address}:{layout.KEYDIST_PORT}" for name, (address, _) in layout.REPLICAS.items()]
        for letter, peer in (pair, pair[::-1]):
            own, out = scene.material.henb(letter), scene.artefacts / f"keys-{letter}.jsonl"
            self.files.append(out)
            scene[letter].start(
                "recorder", "/usr/bin/python3", programs.TOP / "tests/lab/key_recorder.py", modules, out, layout.KEYDIST_NAME,
                scene.material.operator.root.cert, own.cert, own.key, layout.HENBS[peer].id, *targets,
            )  # fmt: skip

    def lines(self, after=0.0):
        found = []
        for path in self.files:
            for line in path.read_text().splitlines() if path.is_file() else ():
                with contextlib.suppress(ValueError):
                    each = json.loads(line)
                    if each["at"] > after:
                        found.append(each)
        return found

    def answers(self, replica, after):
        """(answers with keys, those refused, the last refusal's words) of one replica since `after` (time.monotonic())."""
        mine = [line for line in self.lines(after) if line["replica"] == replica]
        refused = [line for line in mine if not line["keys"]]
        return len(mine) - len(refused), len(refused), f"{refused[-1]['status']} {refused[-1].get('why', '')}" if refused else ""

    def all_serve(self, replicas, after):
        return all(self.answers(name, after)[0] > 0 for name in replicas)

    def conflicts(self):
        """Pairs, epochs, generations and purposes that more than one key was given out for; and how many keys there were."""
        seen = {}
        for line in self.lines():
            for *name, digest in line["keys"]:
                seen.setdefault(json.dumps(name), {}).setdefault(digest, line["replica"])
        return [f"{name}: from {sorted(digests.values())}" for name, digests in seen.items() if len(digests) > 1], len(seen)

    def epochs(self):
        return {key[1] for line in self.lines() for key in line["keys"]}
