#!/usr/bin/python3
"""The key-encryption key is changed while keydist-server serves, and the server is killed in the middle (R45).

kek_rotation_check.py ROOT BIN [--times N]

On SQLite, and on etcd with two replicas: a change is begun and the server killed (kill -9) at a random moment of it, again and again. After each
start what is stored opens, the same command ends the change, and every HeNB has the key that it had. In the end the old KEK opens nothing.
"""
import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # Else each program that we run stops gRPC's threads.
import grpc  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import etcd_member  # noqa: E402
import keydist_protos  # noqa: E402
import keydist_root  # noqa: E402

CHANCE = random.Random(5)


def until(what, holds, within=30):
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"not within {within} s: {what}")
        time.sleep(0.05)


class Replica(keydist_root.KeydistRoot):
    """One of a service: the first makes the certificates and the KEKs, the others have copies."""

    def __init__(self, bin_dir, name, first=None, etcd=None):
        super().__init__(bin_dir)
        self.name, self.etcd = name, etcd
        self.shared = first.root if first else self.root
        if first:
            for file in ("server.pem", "server.key", "operator-root.pem", "vendor-root.pem"):
                (self.root / file).write_bytes((first.root / file).read_bytes())
        else:
            self.run("keydist-server", "--make-kek", self.root / "kek-2")

    def use(self, kek, *previous):
        """Writes the configuration with these KEKs; a server that runs is told."""
        self.configure(f'audit.replica = "{self.name}"')
        quoted = ", ".join(f'"{self.shared}/{one}"' for one in previous)
        text = self.config.read_text().replace(f'kek_file = "{self.root}/kek"', f'kek = "{self.shared}/{kek}"\nprevious_keks = [{quoted}]')
        if self.etcd:
            folder = self.etcd.folder
            text = text.replace("[store]\n", '[store]\nbackend = "etcd"\n') + f"""
[store.etcd]
endpoints = ["localhost:{self.etcd.port}"]
ca = "{folder}/ca.pem"
certificate = "{folder}/own.pem"
key = "{folder}/own.key"
"""
        self.config.write_text(text)
        if self.process is not None:
            reloads = self.logged().count("event=reloaded")
            self.process.send_signal(signal.SIGHUP)
            until("reloaded", lambda: self.logged().count("event=reloaded") > reloads)

    def keks(self):
        return json.loads(self.ctl("--json", "kek", "show").stdout)

    def key(self, messages, stubs):
        """a's key with b: epoch, octets."""
        read = lambda name: (self.shared / name).read_bytes()
        credentials = grpc.ssl_channel_credentials(read("operator-root.pem"), read("a.key"), read("a.pem"))
        with grpc.secure_channel(f"127.0.0.1:{self.port}", credentials,
                                 [("grpc.ssl_target_name_override", "keydist.example"), ("grpc.use_local_subchannel_pool", 1)]) as channel:
            request = messages.GetPairKeysRequest(peers=["b.example"], purpose=messages.IKE_PSK)
            # Two replicas that have just started compare their clocks first.
            until("keys are handed out", lambda: all(health["ok"] for health in self.status()["health"]))
            answer = stubs.KeyDistributionStub(channel).GetPairKeys(request, timeout=10, wait_for_ready=True)
            return answer.results[0].keys.current.epoch, answer.results[0].keys.current.key


def refused(replica, *arguments, says):
    run = replica.ctl(*arguments, check=False)
    if run.returncode == 0 or says not in run.stderr:
        sys.exit(f"{arguments} was to be refused with {says!r}: {run.returncode} {run.stderr}")


def play(options, messages_of, etcd=None):
    first = Replica(options.bin, "one", etcd=etcd)
    replicas = [first] + ([Replica(options.bin, "two", first, etcd)] if etcd else [])
    try:
        messages, stubs = messages_of(first.root / "py")
        for replica in replicas:
            replica.use("kek")
            replica.start()
        for name in ("a", "b"):
            first.issue(name, f"{name}.example", "vendor-root")
            first.ctl("henb", "add", f"{name}.example", "--anchor-cert", first.root / "vendor-root.pem", "--group", "site")
        had = [replica.key(messages, stubs) for replica in replicas]
        refused(first, "kek", "rotate", says="has no other one")
        first.use("kek-2", "kek")
        if etcd:
            # Also within the first seconds of replica two, when nobody has heard of it yet.
            refused(first, "kek", "rotate", says="replica two does not have the KEK")
            replicas[1].use("kek-2", "kek")
            until("the others have heard", lambda: [len(other["ids"]) for other in first.keks()["others"]] == [2])
        old, new, broken_off = "kek", "kek-2", 0
        for _ in range(options.times):
            began = first.keks()["in_force"]
            change = subprocess.Popen([first.bin / "keydistctl", "--socket", first.root / "run/admin.sock", "kek", "rotate"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(CHANCE.random() * options.window)
            first.kill()
            broken_off += change.wait(60) != 0
            first.start()
            if [replica.key(messages, stubs) for replica in replicas] != had:
                sys.exit("another key after the start")
            if etcd:
                until("the replicas see each other", lambda: len(first.keks()["others"]) == 1)
            first.ctl("kek", "rotate")
            keks = first.keks()
            if keks["in_force"] == began or keks["roots"] != 1:
                sys.exit(f"the change did not come to its end: {keks}")
            if [replica.key(messages, stubs) for replica in replicas] != had:
                sys.exit("another key after the change")
            old, new = new, old
            for replica in replicas:
                replica.use(new, old)
            if etcd:
                until("the others have heard", lambda: len(first.keks()["others"]) == 1)
        # `old` is in force now: the loop has turned them.
        for replica in replicas:
            replica.use(old)
        first.stop()
        first.use(new)
        run = first.run("keydist-server", "--config", first.config, check=False)
        if run.returncode != 1 or "the roots are sealed under the KEK" not in run.stderr:
            sys.exit(f"the old KEK was to be refused: {run.returncode} {run.stderr}")
        first.use(old)
        first.start()
        if [replica.key(messages, stubs) for replica in replicas] != had:
            sys.exit("another key with the new KEK alone")
        for replica in replicas:
            replica.stop()
            replica.verify_audit()
        records = [json.loads(line) for path in first.audit_files() for line in path.read_text().splitlines()]
        done = sum(record["event"] == "kek_rotated" for record in records)
        if done < options.times:
            sys.exit(f"{options.times} changes, {done} in the audit log")
        print(f"{'etcd, 2 replicas' if etcd else 'SQLite'}: {options.times} changes, {broken_off} broken off, {done} audited as done")
    finally:
        for replica in replicas:
            replica.__exit__()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root")
    parser.add_argument("bin")
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--window", type=float, default=0.03, help="seconds in which the kill falls")
    options = parser.parse_args()
    loaded = []

    def messages_of(folder):
        if not loaded:
            loaded.extend(keydist_protos.load(options.root, folder))
        return loaded

    play(options, messages_of)
    with keydist_root.KeydistRoot(options.bin) as place:
        folder = place.root / "member"
        folder.mkdir()
        etcd_member.certificates(folder)
        etcd = etcd_member.Etcd(folder)
        try:
            until("etcd serves", etcd.serves)
            play(options, messages_of, etcd)
        finally:
            etcd.stop()


if __name__ == "__main__":
    main()
