"""Who is where in the lab: names, addresses, vendors. docs of it: the picture in tests/lab/README.md."""

import dataclasses

LETTERS = "abcdef"
OPERATOR_DOMAIN = "operator.example"
SEGW_ID = f"segw.{OPERATOR_DOMAIN}"
KEYDIST_NAME = f"keydist.{OPERATOR_DOMAIN}"
SEGW_WAN = "10.8.0.254"
CORE_NETWORK = "10.100.0.0/16"  # what the backhaul's tunnels reach
S1_NETWORK = "10.100.0.0/24"  # where S1-U may come from
KEYDIST_ADDRESS = "10.100.0.1"
KEYDIST_PORT = 8443
CA_ADDRESS = "10.100.0.10"
CA_PORT = 8080
OAM_ADDRESS = "10.100.0.20"
STRANGER_ADDRESS = "10.100.9.66"  # inside the backhaul's selectors, outside S1_NETWORK
REPLICAS = {name: (f"10.100.0.{30 + n}", f"{name}.{OPERATOR_DOMAIN}") for n, name in enumerate(("r1", "r2", "r3"), 1)}
BACKHAUL_REQID = 16001
BACKHAUL = "backhaul"
X2C_PORT = 36422
X2U_PORT = 2152
WIRES = ("lan", "wan", "wire", "core")


@dataclasses.dataclass(frozen=True)
class Henb:
    """One HeNB. Its vendor decides its root; `cmpv2` whether it can enrol."""

    letter: str
    vendor: int
    cmpv2: bool

    @property
    def number(self):
        return LETTERS.index(self.letter) + 1

    @property
    def id(self):
        return f"henb-{self.letter}.example"

    @property
    def lan(self):
        return f"10.9.0.{self.number}"

    @property
    def lan6(self):
        return f"fd09::{self.number}"

    @property
    def wire(self):
        return f"10.9.5.{self.number}"

    @property
    def wan(self):
        return f"10.8.0.{self.number}"

    @property
    def inner(self):
        return f"10.200.0.{self.number}"

    @property
    def on_wire(self):
        return self.letter in "ae"


HENBS = {
    h.letter: h
    for h in (
        Henb("a", 1, True),
        Henb("b", 1, True),
        Henb("c", 2, True),
        Henb("d", 3, False),
        Henb("e", 1, True),
        Henb("f", 1, True),
    )
}


@dataclasses.dataclass(frozen=True)
class Plug:
    """One end of a cable: interface `name` of a node in the bridge `wire`, with addresses (CIDR) and routes."""

    name: str
    wire: str
    addresses: tuple


def plugs(node):
    """The interfaces of a node."""
    if node in HENBS:
        h = HENBS[node]
        found = [Plug("lan0", "lan", (f"{h.lan}/24", f"{h.lan6}/64")), Plug("wan0", "wan", (f"{h.wan}/24",))]
        return found + ([Plug("wire0", "wire", (f"{h.wire}/24",))] if h.on_wire else [])
    return {
        "gw": [Plug("wan0", "wan", (f"{SEGW_WAN}/24",)), Plug("core0", "core", (f"{KEYDIST_ADDRESS}/16",))],
        "ca": [Plug("core0", "core", (f"{CA_ADDRESS}/16",))],
        "oam": [Plug("core0", "core", (f"{OAM_ADDRESS}/16",))],
        "stranger": [Plug("core0", "core", (f"{STRANGER_ADDRESS}/16",))],
        **{name: [Plug("core0", "core", (f"{address}/16",))] for name, (address, _) in REPLICAS.items()},
    }[node]


def setup_commands(node):
    """`ip` commands that give a node its addresses and routes."""
    lines = ["link set lo up"]
    for plug in plugs(node):
        lines += [f"addr add {a} dev {plug.name}" + (" nodad" if ":" in a else "") for a in plug.addresses]
        lines.append(f"link set {plug.name} up")
    if node in HENBS:
        inner = HENBS[node].inner
        lines += [f"addr add {inner}/32 dev lo", f"route add {CORE_NETWORK} via {SEGW_WAN} dev wan0 src {inner}"]
    elif node == "gw":
        lines += [f"route add {h.inner}/32 via {h.wan} dev wan0" for h in HENBS.values()]
    else:
        lines.append(f"route add 10.200.0.0/16 via {KEYDIST_ADDRESS}")
    return lines
