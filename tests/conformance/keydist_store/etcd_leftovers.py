#!/usr/bin/env python3
"""What a member of etcd keeps of a destroyed root, and until when (R45): a real keydist-server with epochs of seconds over a real etcd.

Usage: etcd_leftovers.py KEYDIST_SERVER
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from etcd_member import Etcd, certificates, encoded, free_port, until  # noqa: E402

SEALED = 69  # octets of a sealed root, docs/keydist.md


def sealed_in(value):
    at = value.find(bytes([0x12, SEALED])) if value else -1
    return value[at + 2:at + 2 + SEALED] if at >= 0 else None


def serve(program, folder, etcd):
    with open(f"{folder}/k.toml", "w") as f:
        f.write(f'''[network]
listen = "127.0.0.1:{free_port()}"
placement = "behind_segw"
inner_pool = ["127.0.0.0/8"]
[tls]
certificate = "{folder}/own.pem"
key = "{folder}/own.key"
anchors = ["{folder}/ca.pem"]
[keys]
kek_file = "{folder}/kek"
epoch_length = "3s"
[store]
backend = "etcd"
state_dir = "{folder}/state"
run_dir = "{folder}/run"
[store.etcd]
endpoints = ["localhost:{etcd.port}"]
ca = "{folder}/ca.pem"
certificate = "{folder}/own.pem"
key = "{folder}/own.key"
''')
    subprocess.run([program, "--make-kek", f"{folder}/kek"], check=True)
    return subprocess.Popen([program, "--config", f"{folder}/k.toml"], stderr=open(f"{folder}/log", "w"))


def check(what, holds):
    print(("ok: " if holds else "NOT SO: ") + what)
    if not holds:
        sys.exit(1)


def run(program, folder, running):
    certificates(folder)
    etcd = Etcd(folder, "--snapshot-count=500", "--max-wals=1", "--max-snapshots=1")
    running.append(etcd.process)
    until("etcd serves", etcd.serves)
    running.append(serve(program, folder, etcd))
    first = b"keydist/epoch/" + b"0" * 19 + b"1"
    root = until("the first root", lambda: sealed_in(etcd.value(first)))
    until("it is in db and wal: the search can find", lambda: {"db", "wal"} <= etcd.files_with(root))
    until("it is destroyed", lambda: sealed_in(etcd.value(first)) is None)
    # The server compacts right after it.
    until("the history is gone", lambda: compacted(etcd))
    running.pop().send_signal(signal.SIGKILL)
    etcd.call("maintenance/defragment", {})
    kinds = etcd.files_with(root)
    check(f"after compaction and defragmentation the database has no trace of it, the log has ({sorted(kinds)})", kinds == {"wal"})
    filler = encoded(os.urandom(1_000_000))
    for _ in range(70):
        etcd.call("kv/put", {"key": encoded(b"other"), "value": filler})
    for _ in range(600):
        etcd.call("kv/put", {"key": encoded(b"small"), "value": encoded(b"x")})
    until("once its segment is full and a snapshot stands after it, the log has no trace of it", lambda: not etcd.files_with(root))
    print("ok: once its segment is full and a snapshot stands after it, the log has no trace of it")


def compacted(etcd):
    try:
        etcd.call("kv/range", {"key": encoded(b"x"), "revision": "2"})
    except urllib.error.HTTPError as error:
        return b"compacted" in error.read()
    return False


def main():
    running = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(sys.argv[1], folder, running)
        finally:
            for process in running:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
