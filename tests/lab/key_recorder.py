#!/usr/bin/python3
"""A HeNB that asks several replicas of the key service all the time, and notes what it was given, never the key itself.

key_recorder.py MODULES OUT SERVER_NAME ROOT CERTIFICATE KEY PEER REPLICA=ADDRESS:PORT…   (MODULES: of tests/support/keydist_protos.py)

A line for each answer: {"at", "replica", "status", "keys": [[pair, epoch, generations, purpose, digest], …]}, times of the steady clock.
The pair and the generations stand in the order of the identities, so that both ends write the same of the same key.
"""

import hashlib
import json
import sys
import threading
import time

modules, out, server_name, root, certificate, key, peer, *replicas = sys.argv[1:]
sys.path.insert(0, modules)

import grpc  # noqa: E402
from henb.keydist.v1 import keydist_pb2, keydist_pb2_grpc  # noqa: E402

DEADLINE, BETWEEN = 4.0, 0.5
lock = threading.Lock()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def noted(me, result, purpose):
    keys = [result.keys.current] + ([result.keys.next] if result.keys.HasField("next") else [])
    for each in keys:
        sides = sorted(((me, each.gen_local), (result.peer, each.gen_peer)))
        digest = hashlib.sha256(each.key).hexdigest()
        yield [[s[0] for s in sides], each.epoch, [s[1] for s in sides], purpose, digest]


def ask(name, address, credentials, sink):
    options = [("grpc.ssl_target_name_override", server_name), ("grpc.max_reconnect_backoff_ms", 2000), ("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.secure_channel(address, credentials, options)
    service = keydist_pb2_grpc.KeyDistributionStub(channel)
    me = None
    while True:
        for purpose in (keydist_pb2.IKE_PSK, keydist_pb2.PPK):
            line = {"replica": name, "keys": []}
            try:
                me = me or service.Register(keydist_pb2.RegisterRequest(protocol=1), timeout=DEADLINE).henb_id
                answer = service.GetPairKeys(keydist_pb2.GetPairKeysRequest(peers=[peer], purpose=purpose), timeout=DEADLINE)
                for result in answer.results:
                    if result.HasField("keys"):
                        line["keys"] += noted(me, result, purpose)
                line["status"] = "OK"
            except grpc.RpcError as e:
                line["status"], line["why"] = e.code().name, (e.details() or "")[:120]
            line["at"] = time.monotonic()
            with lock:
                sink.write(json.dumps(line) + "\n")
                sink.flush()
            time.sleep(BETWEEN)


def main():
    credentials = grpc.ssl_channel_credentials(read(root), read(key), read(certificate))
    with open(out, "a", encoding="ascii") as sink:
        threads = [threading.Thread(target=ask, args=(*each.split("=", 1), credentials, sink)) for each in replicas]
        for each in threads:
            each.start()
        for each in threads:
            each.join()


main()
