"""The product's programs in the scene: x2secd and its guard on HeNBs, keydist-server on the gateway, the test RA/CA."""

import json
import os

from . import layout, policy, process, programs

CONFIG = "/etc/henb-x2sec/x2secd.toml"
UP = ("UP_CERT", "UP_PSK", "UP_TRUSTED")
BOOT_WAIT = 90  # seconds; the virtual machine is slow, and slower when the host is busy


def shifted(clock):
    """The environment of a program whose clock is (seconds ahead, rate); None where it is the machine's (tests/lab/clock)."""
    if clock is None:
        return None
    ahead, rate = clock
    mine = {"LD_PRELOAD": programs.find("tests/libx2lab_clock.so"), "X2LAB_CLOCK_OFFSET": str(ahead), "X2LAB_CLOCK_RATE": str(rate)}
    return {**os.environ, **mine}


def toml(tables):
    """TOML text of {"table": {"key": value}}; None is left out."""

    def shown(value):
        return json.dumps(value)

    lines = []
    for table, keys in tables.items():
        present = {k: v for k, v in keys.items() if v is not None}
        if present:
            lines += [f"[{table}]", *(f"{k} = {shown(v)}" for k, v in present.items()), ""]
    return "\n".join(lines)


def record(letter, wire="lan", kind="HENB", scene=None, **more):
    """The neighbour record of a HeNB as its neighbours get it from OAM. `wire`: lan, lan6 or wire."""
    henb = layout.HENBS[letter]
    address = getattr(henb, wire)
    made = {
        "id": henb.id,
        "kind": kind,
        "x2c_addresses": [address],
        "x2u_addresses": [address],
        "ike_address": address,
        "interface": "wire0" if wire == "wire" else "lan0",
        "capabilities": {"cmpv2": henb.cmpv2, "psk": True},
    }
    if scene is not None:
        made["issuer_spki_sha256"] = scene.material.vendor_root(letter).spki_sha256()
    return {**made, **more}


class X2secd:
    """x2secd of one HeNB: configured for the scene, started, asked through x2secctl."""

    def __init__(self, scene, letter, **overrides):
        """`overrides`: tables of the configuration whose keys are laid over the usual ones."""
        self.scene, self.letter, self.clock = scene, letter, None
        self.node = scene[letter]
        self.henb = layout.HENBS[letter]
        self.daemon = None
        material = scene.material
        own = material.henb(letter)
        place = "/etc/henb-x2sec"
        self.node.write(f"{place}/vendor.pem", own.cert.read_text())
        if "vendor_key" not in overrides.get("credentials", {}):
            self.node.write(f"{place}/vendor.key", own.key.read_text(), 0o600)
        self.node.write(f"{place}/vendor-root.pem", material.vendor_root(letter).cert.read_text())
        self.node.write(f"{place}/operator-root.pem", material.operator.root.cert.read_text())
        tables = {
            "device": {"id": self.henb.id},
            "credentials": {
                "vendor_certificate": f"{place}/vendor.pem",
                "vendor_key": f"{place}/vendor.key",
                "vendor_root": f"{place}/vendor-root.pem",
                "operator_root": f"{place}/operator-root.pem",
                "operator": policy.OPERATOR,
            },
            "features": {"ipsec": True, "cmp": self.henb.cmpv2, "keydist": True},
            "backhaul": {"reqid": layout.BACKHAUL_REQID, "interface": "wan0", "core_networks": [layout.S1_NETWORK]},
            "keydist": {
                "address": f"{layout.KEYDIST_ADDRESS}:{layout.KEYDIST_PORT}",
                "server_name": layout.KEYDIST_NAME,
                "deadline": "20s",
            },
            "timers": {"reconcile": "5s"},
            "log": {"level": "debug"},
        }
        for table, keys in overrides.items():
            tables.setdefault(table, {}).update(keys)
        self.node.write(CONFIG, toml(tables))
        for folder, mode in (("/var/lib/henb-x2sec", 0o700), ("/run/henb-x2sec", 0o755)):
            self.node.path(folder).mkdir(mode=mode, exist_ok=True)

    def guard_up(self):
        """What the early unit does at boot: the guard shut for everything, before anything else runs."""
        self.node.run(programs.find("x2sec-guard"), "install", "--config", CONFIG, timeout=60)
        return self

    def begin(self):
        self.daemon = self.node.start("x2secd", programs.find("x2secd"), "--config", CONFIG, env=shifted(self.clock))
        return self

    def restart_with_clock(self, ahead=0, rate=1.0):
        """Ended and started with a clock of its own: `ahead` seconds in the calendar, and gaining (rate above 1) or losing."""
        self.stop()
        self.clock = (ahead, rate)
        return self.start()

    def wait_ready(self, timeout=BOOT_WAIT):
        process.until(
            f"x2secd of {self.letter} answers",
            lambda: self.daemon.must_run() and self.ctl("credentials", check=False).status == 0,
            timeout,
            every=0.3,
        )
        return self

    def start(self):
        return self.begin().wait_ready()

    def stop(self):
        """SIGTERM, as systemd stops it."""
        return self.daemon.stop(60)

    def kill(self):
        self.daemon.kill()

    def ctl(self, *argv, timeout=60, check=True, feed=None):
        return self.node.run(programs.find("x2secctl"), *argv, timeout=timeout, check=check, feed=feed)

    def json(self, *argv, timeout=60):
        return json.loads(self.ctl(*argv, "--json", timeout=timeout).out)

    def push(self, value, name="policy", check=True):
        """Signs a policy below this HeNB's vendor root and pushes it."""
        target = self.scene.artefacts / f"{name}-{self.letter}.cms"
        policy.sign(value, self.scene.material.signer(self.henb.vendor), target)
        inside = self.node.write(f"/run/lab/{target.name}", target.read_bytes())
        return self.ctl("policy", "push", inside, check=check)

    def add_neighbour(self, letter, wire="lan", check=True, **more):
        value = record(letter, wire, scene=self.scene, **more)
        inside = self.node.write(f"/run/lab/neighbour-{letter}.json", json.dumps(value))
        return self.ctl("neighbour", "add", "--file", inside, check=check)

    def links(self):
        """{letter or identity: link as in `links --json`}."""
        letters = {h.id: h.letter for h in layout.HENBS.values()}
        return {letters.get(link["neighbour"], link["neighbour"]): link for link in self.json("links")}

    def link(self, letter):
        """One link, or None."""
        return self.links().get(letter)

    def state(self, letter):
        link = self.link(letter)
        return link["state"] if link else None

    def wait(self, letter, state="UP", timeout=60):
        """Until the link is in the state, as x2secctl says it; Failed with the link as it is, otherwise."""
        done = self.ctl(
            "wait",
            layout.HENBS[letter].id,
            "--state",
            state,
            "--timeout",
            f"{timeout:g}s",
            timeout=timeout + 30,
            check=False,
        )
        if done.status != 0:
            link = self.link(letter) or {}
            seen = {k: link.get(k) for k in ("state", "decision", "rule", "reason", "last_error")}
            raise process.Failed(f"link {self.letter}–{letter} not {state} within {timeout:g} s: {seen}")
        return self.link(letter)


class KeydistServer:
    """keydist-server on the gateway, inside the backhaul's reach."""

    CONFIG = "/etc/keydist-server/keydist-server.toml"

    def __init__(self, scene, node="gw", **overrides):
        self.scene, self.node, self.daemon, self.clock = scene, scene[node], None, None
        own = scene.material.operator_credential("keydist")
        place = "/etc/keydist-server"
        self.node.write(f"{place}/server.pem", own.cert.read_text())
        self.node.write(f"{place}/server.key", own.key.read_text(), 0o600)
        anchors = []
        for name, authority in [
            ("operator", scene.material.operator),
            *((f"vendor{n}", authority) for n, authority in scene.material.vendors.items()),
        ]:
            anchors.append(self.node.write(f"{place}/{name}.pem", authority.root.cert.read_text()))
        self.node.write(f"{place}/kek", bytes(range(32)).hex() + "\n", 0o600)
        for folder in ("/var/lib/keydist-server", "/run/keydist-server"):
            self.node.path(folder).mkdir(mode=0o750, exist_ok=True)
        tables = {
            "network": {"listen": f"{layout.KEYDIST_ADDRESS}:{layout.KEYDIST_PORT}"},
            "tls": {"certificate": f"{place}/server.pem", "key": f"{place}/server.key", "anchors": anchors},
            "keys": {"kek_file": f"{place}/kek"},
            "log": {"level": "debug"},
        }
        for table, keys in overrides.items():
            tables.setdefault(table, {}).update(keys)
        self.node.write(self.CONFIG, toml(tables))

    def begin(self):
        words = ["keydist-server", programs.find("keydist-server"), "--config", self.CONFIG]
        self.daemon = self.node.start(*words, env=shifted(self.clock))
        return self

    def wait_ready(self, timeout=BOOT_WAIT):
        process.until(
            "keydist-server answers",
            lambda: self.daemon.must_run() and self.ctl("status", check=False).status == 0,
            timeout,
            every=0.3,
        )
        return self

    def start(self):
        return self.begin().wait_ready()

    def stop(self):
        return self.daemon.stop(60)

    def kill(self):
        self.daemon.kill()

    def ctl(self, *argv, timeout=60, check=True):
        return self.node.run(programs.find("keydistctl"), *argv, timeout=timeout, check=check)

    def register(self, letters, group="site"):
        """HeNBs of the scene with their vendors' anchors, and the operator's, in one group."""
        operator = self.scene.material.operator.root.spki_sha256()
        for letter in letters:
            anchor = self.scene.material.vendor_root(letter).spki_sha256()
            self.ctl("henb", "add", layout.HENBS[letter].id, "--anchor", anchor, "--anchor", operator, "--group", group)


class TestCa:
    """The test RA/CA (tests/ca) on the core network. `ledger()` tells what it has issued."""

    LEDGER = "/run/lab/ca-ledger.json"
    RA_NAME = policy.ENROLMENT["recipient"]

    def __init__(self, scene, sin=None, vendors=(1, 2, 3), **options):
        """`sin`: one of its misbehaviours (`x2-test-ca --help`); options: more of its options, underscores for dashes."""
        self.scene, self.node, self.daemon = scene, scene["ca"], None
        root = scene.material.operator.root
        words = [
            "--listen",
            f"{layout.CA_ADDRESS}:{layout.CA_PORT}",
            "--ca-key",
            root.key,
            "--ca-cert",
            root.cert,
            "--ra-name",
            self.RA_NAME,
            "--ledger",
            self.LEDGER,
        ]
        for number in vendors:
            words += ["--vendor-root", scene.material.vendors[number].root.cert]
        words += ["--sin", sin] if sin else []
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value]
        self.words = words

    def begin(self):
        self.daemon = self.node.start("ca", programs.find("x2-test-ca"), *self.words)
        return self

    def wait_ready(self, timeout=BOOT_WAIT):
        process.until(
            "the RA/CA listens", lambda: self.daemon.must_run() and "listening on port" in self.daemon.tail(), timeout
        )
        return self

    def start(self):
        return self.begin().wait_ready()

    def stop(self):
        return self.daemon.stop(30)

    def ledger(self):
        path = self.node.path(self.LEDGER)
        return json.loads(path.read_text()) if path.is_file() else []


class Site:
    """The daemons of a scenario together. Everything is ended with the scene."""

    def __init__(self, scene, tell=lambda line: None):
        self.scene, self.tell = scene, tell
        self.x2secd, self.keydist, self.ca = {}, None, None

    def __getitem__(self, letter):
        return self.x2secd[letter]

    def start_keydist(self, **overrides):
        self.keydist = KeydistServer(self.scene, **overrides).start()
        self.keydist.register(self.scene.henbs)
        return self.keydist

    def start_ca(self, **options):
        self.ca = TestCa(self.scene, **options).start()
        return self.ca

    def start(self, letters=None, guard=True, **overrides):
        """Guard and x2secd on these HeNBs (default: all of the scene), side by side."""
        letters = list(letters or self.scene.henbs)
        for letter in letters:
            self.x2secd[letter] = X2secd(self.scene, letter, **overrides)
        for letter in letters if guard else ():
            self.x2secd[letter].guard_up()
        for letter in letters:
            self.x2secd[letter].begin()
        for letter in letters:
            self.x2secd[letter].wait_ready()
        return self

    def push(self, rules, version=1, letters=None, **more):
        """One policy for all (a list of rules), or one for each HeNB ({letter: rules})."""
        for letter in letters or self.x2secd:
            mine = rules[letter] if isinstance(rules, dict) else rules
            self.x2secd[letter].push(policy.make(mine, version, **more))
        return self

    def introduce(self, one, other, wire="lan", **more):
        """Each becomes the other's neighbour."""
        self.x2secd[one].add_neighbour(other, wire, **more)
        self.x2secd[other].add_neighbour(one, wire, **more)
        return self

    def wait_up(self, one, other, timeout=60):
        self.x2secd[one].wait(other, "UP", timeout)
        return self.x2secd[other].wait(one, "UP", timeout)
