"""Faults planted at the key service and in its keys: `plant(scene, patch, module)` of faults.ALL."""

from . import layout, product, replicas


def not_suspended(scene, patch, _):
    def ctl(original, self, *argv, **more):
        return original(self, "henb", "show", argv[2]) if argv[:2] == ("henb", "suspend") else original(self, *argv, **more)

    patch(product.KeydistServer, "ctl", ctl)


def honest_certificates(scene, patch, module):
    patch(module, "_ask", lambda original, scene, _credential: original(scene, scene.material.henb("d")))


def port_open(scene, patch, module):
    def unreachable(original, scene, story, what, letter, *options):
        scene["gw"].run("nft", "delete", "table", "inet", "keydist", check=False)
        return original(scene, story, what, letter, *options)

    patch(module, "_unreachable", unreachable)


def pair_not_denied(scene, patch, module):
    patch(module, "_certificates", lambda *_: None)

    def ctl(original, self, *argv, **more):
        return original(self, "status") if argv[0] == "pair" else original(self, *argv, **more)

    patch(product.KeydistServer, "ctl", ctl)


def sa_goes(scene, patch, module):
    """The SA that carries a–b is taken away when an epoch's end is told."""
    if hasattr(module, "CLOCKS"):
        patch.put(module, "CLOCKS", module.CLOCKS[:1])

    def ctl(original, self, *argv, **more):
        if argv[:2] == ("epoch", "advance"):
            scene["a"].run("ip", "xfrm", "state", "deleteall", "src", layout.HENBS["a"].lan, "dst", layout.HENBS["b"].lan)
        return original(self, *argv, **more)

    patch(product.KeydistServer, "ctl", ctl)


def own_store(scene, patch, module):
    """r3 is a service of its own, with the same HeNBs. Nothing else happens to the replicas."""

    def settings(original, self, name, *more):
        mine = original(self, name, *more)
        if name == "r3":
            mine["store.etcd"]["prefix"] = "another/"
        return mine

    def register(original, self, letters, **more):
        original(self, letters, **more)
        self.servers["r3"].register(letters, **more)

    patch(replicas.Replicas, "_settings", settings)
    patch(replicas.Replicas, "register", register)
    for name in ("_leader_killed", "_minority_cut_off", "_majority_lost", "_disk_slow", "_clock_wrong"):
        patch(module, name, lambda *_: None)
