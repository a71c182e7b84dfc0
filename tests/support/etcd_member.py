"""A real etcd of one member, with TLS and client certificates, for tests in Python."""
import base64
import contextlib
import glob
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import time
import urllib.request


def free_port():
    """Below the ports that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


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
    """One member on loopback, with its data in `folder`, where `certificates` has been. Ends with stop()."""

    def __init__(self, folder, *more):
        self.folder = folder
        self.port = free_port()
        client, peer = f"https://localhost:{self.port}", f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            ["/usr/bin/etcd", "--name=m", f"--data-dir={folder}/etcd", f"--listen-client-urls=https://127.0.0.1:{self.port}",
             f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
             f"--initial-cluster=m={peer}", f"--trusted-ca-file={folder}/ca.pem", f"--cert-file={folder}/own.pem",
             f"--key-file={folder}/own.key", "--client-cert-auth", *more],
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

    def stop(self):
        self.process.kill()
        self.process.wait()

    def files_with(self, octets):
        """Of the member's files, those that hold these octets: db, wal, snap."""
        kinds = set()
        for path in glob.glob(f"{self.folder}/etcd/member/*/*"):
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as f:  # etcd removes files meanwhile
                if octets in f.read():
                    kinds.add("db" if path.endswith("/db") else path.rsplit(".", 1)[-1])
        return kinds


def encoded(octets):
    return base64.b64encode(octets).decode()
