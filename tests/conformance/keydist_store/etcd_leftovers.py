#!/usr/bin/env python3
"""What a member of etcd keeps of a destroyed root, and until when (R45): a real keydist-server with epochs of seconds over a real etcd.

Usage: etcd_leftovers.py KEYDIST_SERVER
"""
import base64
import glob
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

SEALED = 69  # octets of a sealed root, docs/keydist.md


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, holds, within=60):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        got = holds()
        if got:
            return got
        time.sleep(0.1)
    sys.exit(f"not within {within} s: {what}")


def certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test root", "-days", "2")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "own.key", "-out", "own.csr",
            "-subj", "/CN=localhost")
    with open(f"{folder}/san", "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san",
            "-out", "own.pem")
    os.chmod(f"{folder}/own.key", 0o600)


class Etcd:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        client, peer = f"https://localhost:{self.port}", f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            ["/usr/bin/etcd", "--name=m", f"--data-dir={folder}/etcd", f"--listen-client-urls=https://127.0.0.1:{self.port}",
             f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
             f"--initial-cluster=m={peer}", f"--trusted-ca-file={folder}/ca.pem", f"--cert-file={folder}/own.pem",
             f"--key-file={folder}/own.key", "--client-cert-auth", "--snapshot-count=500", "--max-wals=1", "--max-snapshots=1"],
            stdout=open(f"{folder}/etcd.log", "w"), stderr=subprocess.STDOUT)
        self.context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
        self.context.load_cert_chain(f"{folder}/own.pem", f"{folder}/own.key")

    def call(self, path, body):
        request = urllib.request.Request(f"https://localhost:{self.port}/v3/{path}", data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
            return json.loads(answer.read())

    def serves(self):
        try:
            return self.call("kv/range", {"key": encoded(b"x")})
        except OSError:
            return None

    def value(self, key):
        found = self.call("kv/range", {"key": encoded(key)}).get("kvs")
        return base64.b64decode(found[0]["value"]) if found else None

    def files_with(self, octets):
        """Of the member's files, those that hold these octets: db, wal, snap."""
        kinds = set()
        for path in glob.glob(f"{self.folder}/etcd/member/*/*"):
            with open(path, "rb") as f:
                if octets in f.read():
                    kinds.add("db" if path.endswith("/db") else path.rsplit(".", 1)[-1])
        return kinds


def encoded(octets):
    return base64.b64encode(octets).decode()


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
    etcd = Etcd(folder)
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
