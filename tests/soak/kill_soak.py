#!/usr/bin/python3
"""kill -9 of keydist-server under load, again and again (R49, R51).

kill_soak.py ROOT BIN [--times N]

Two HeNBs ask for each other's keys without a pause, the operator advances epochs and rotates; the server is killed in the middle and started
again. What is then held against each other: every answer that a HeNB received has its audit record (the chain's, which verifies with its signed
heads); two answers for one pair, epoch, generations and purpose never had different keys, at whichever end and after whichever start.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import keydist_protos  # noqa: E402
import keydist_root  # noqa: E402

PEOPLE = ("a.example", "b.example")


class Asker(threading.Thread):
    """One HeNB that asks until it is told to stop, and remembers every answer."""

    def __init__(self, root, name, peer, messages, stubs, grpc):
        super().__init__(daemon=True)
        self.name_, self.peer, self.messages, self.grpc = name, peer, messages, grpc
        read = lambda suffix: (root.root / f"{name.split('.')[0]}{suffix}").read_bytes()
        credentials = grpc.ssl_channel_credentials((root.root / "operator-root.pem").read_bytes(), read(".key"), read(".pem"))
        options = [("grpc.ssl_target_name_override", "keydist.example"), ("grpc.initial_reconnect_backoff_ms", 50),
                   ("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.secure_channel(f"127.0.0.1:{root.port}", credentials, options)
        self.stub = stubs.KeyDistributionStub(self.channel)
        self.received = []  # (epoch, own generation, peer's, hash of the key, next epoch or 0)
        self.stop, self.last = threading.Event(), None

    def run(self):
        request = self.messages.GetPairKeysRequest(peers=[self.peer], purpose=self.messages.IKE_PSK)
        while not self.stop.is_set():
            try:
                keys = self.stub.GetPairKeys(request, timeout=2, wait_for_ready=True).results[0].keys
            except self.grpc.RpcError as error:
                self.last = error.details()
                time.sleep(0.01)
                continue
            following = keys.next.epoch if keys.HasField("next") else 0
            for key in (keys.current, keys.next) if following else (keys.current,):
                self.received.append((key.epoch, key.gen_local, key.gen_peer, hashlib.sha256(key.key).hexdigest(),
                                      keys.current.epoch, following))


def judge_keys(askers):
    """Never two keys for one (pair, epoch, generations); how many there were."""
    seen = {}
    for asker in askers:
        lower = asker.name_ < asker.peer
        for epoch, own, other, key, _, _ in asker.received:
            place = (epoch, *((own, other) if lower else (other, own)))
            if seen.setdefault(place, key) != key:
                raise SystemExit(f"two keys for epoch {epoch}, generations {place[1:]}")
    return len(seen)


def judge_audit(root, askers):
    """At least as many records of (caller, epoch, next epoch) as answers of it were received."""
    records = {}
    for path in root.audit_files():
        for line in open(path):
            record = json.loads(line)
            if record["event"] == "keys_issued":
                place = (record["actor"], record["epoch"], record.get("next_epoch", 0))
                records[place] = records.get(place, 0) + 1
    for asker in askers:
        answers = {}
        for epoch, _, _, _, current, following in asker.received:
            if epoch == current:
                answers[(asker.name_, current, following)] = answers.get((asker.name_, current, following), 0) + 1
        for place, count in answers.items():
            if records.get(place, 0) < count:
                raise SystemExit(f"{place}: {count} answers received, {records.get(place, 0)} in the audit log")
    return sum(records.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root")
    parser.add_argument("bin")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # Else each program that we run stops gRPC's threads.
    import grpc
    chance = random.Random(options.seed)
    with keydist_root.KeydistRoot(options.bin) as root:
        messages, stubs = keydist_protos.load(options.root, root.root / "py")
        # Without quotas: the two are to ask as fast as they can.
        root.configure('limits.calls_per_second = 1000000\nlimits.burst = 1000000000\naudit.heads_every = "1s"\naudit.roll_size_mib = 1')
        for name in PEOPLE:
            root.issue(name.split(".")[0], name, "vendor-root")
        root.start()
        for name in PEOPLE:
            root.ctl("henb", "add", name, "--anchor-cert", root.root / "vendor-root.pem", "--group", "site")
        askers = [Asker(root, one, other, messages, stubs, grpc) for one, other in (PEOPLE, PEOPLE[::-1])]
        for asker in askers:
            asker.start()
        began, answers = time.monotonic(), 0
        for kill in range(options.times):
            deadline = time.monotonic() + 60
            while sum(len(asker.received) for asker in askers) < answers + 20:  # It is under load.
                if time.monotonic() > deadline:
                    raise SystemExit(f"no answers any more: {askers[0].last}; {root.logged()[-1500:]}")
                time.sleep(0.005)
            what = chance.randrange(4)
            if what == 0:
                root.ctl("epoch", "advance", check=False)
            elif what == 1:
                root.ctl("rotate", chance.choice(PEOPLE))
            time.sleep(chance.random() * 0.1)
            answers = sum(len(asker.received) for asker in askers)
            root.kill()
            if kill % 20 == 19:
                root.verify_audit()
                print(f"{kill + 1} kills, {answers} answers", file=sys.stderr, flush=True)
            root.start()
        for asker in askers:
            asker.stop.set()
        for asker in askers:
            asker.join(30)
        root.stop()
        verified = root.verify_audit()
        result = {"kills": options.times, "answers": sum(len(asker.received) for asker in askers), "keys": judge_keys(askers),
                  "audit_records": judge_audit(root, askers), "chain": verified["records"], "heads": verified["heads"]["checked"],
                  "epochs": max(entry[0] for asker in askers for entry in asker.received),
                  "seconds": round(time.monotonic() - began, 1)}
        if "audit_tail_cut" in root.logged():
            raise SystemExit("the server itself found its log's tail cut")
        print(json.dumps(result))


if __name__ == "__main__":
    main()
