"""A keydist-server of one's own in a temporary folder: certificates by openssl, one operator, one vendor, on loopback."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class KeydistRoot:
    """Owns the folder and the server. `bin` holds the programs."""

    def __init__(self, bin_dir, keep=False):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="keydist-root-"))
        self.keep = keep
        self.port = free_port()
        self.metrics_port = free_port()
        self.process = None
        self.log = open(self.root / "log", "ab")
        for ca in ("operator-root", "vendor-root"):
            self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                          "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
        self.issue("server", "keydist.example", "operator-root")
        self.run("keydist-server", "--make-kek", self.root / "kek")
        self.configure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.log.close()
        if not self.keep:
            shutil.rmtree(self.root, ignore_errors=True)

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.root, check=True, capture_output=True)

    def issue(self, name, dns, ca):
        """name.pem and name.key for `dns`."""
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-addext", f"subjectAltName=DNS:{dns}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-days", "20",
                      "-copy_extensions", "copy", "-out", f"{name}.pem")
        os.chmod(self.root / f"{name}.key", 0o600)

    def configure(self, more=""):
        """`more` are further lines of the form section.key = value, which stand first. All clients are at one address here: it may
        have as many connections as it likes where `more` does not say otherwise."""
        for key in ("limits.connections_per_address", "limits.new_connections_per_second"):
            if key not in more:
                more += f"\n{key} = 10000"
        (self.root / "keydist-server.toml").write_text(f"""{more}
[network]
listen = "127.0.0.1:{self.port}"
placement = "behind_segw"
inner_pool = ["127.0.0.0/8"]
[tls]
certificate = "{self.root}/server.pem"
key = "{self.root}/server.key"
anchors = ["{self.root}/operator-root.pem", "{self.root}/vendor-root.pem"]
[store]
state_dir = "{self.root}/state"
run_dir = "{self.root}/run"
[keys]
kek_file = "{self.root}/kek"
[metrics]
listen = "127.0.0.1:{self.metrics_port}"
""")

    @property
    def config(self):
        return self.root / "keydist-server.toml"

    def start(self, within=60, command=()):
        """Until it answers on its socket. `command` stands before the server's own."""
        self.process = subprocess.Popen([*command, self.bin / "keydist-server", "--config", self.config], stdout=self.log,
                                        stderr=self.log)
        deadline = time.monotonic() + within
        while self.ctl("status", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"keydist-server did not start:\n{self.logged()[-2000:]}")
            time.sleep(0.02)

    def stop(self, within=60):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(within)
        self.process = None
        return status

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def run(self, program, *arguments, check=True, env=None):
        return subprocess.run([self.bin / program, *map(str, arguments)], cwd=self.root, check=check, capture_output=True,
                              text=True, env=env)

    def ctl(self, *arguments, check=True):
        return self.run("keydistctl", "--socket", self.root / "run/admin.sock", *arguments, check=check)

    def status(self):
        return json.loads(self.ctl("--json", "status").stdout)

    def rss_kib(self, what="VmRSS"):
        """What it has in memory; "VmHWM": the most that it ever had."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1])
        return 0

    def logged(self):
        return (self.root / "log").read_text(errors="replace")

    def audit_files(self):
        """Of the server's chain, oldest first."""
        return sorted((self.root / "state").glob("audit.*jsonl"))

    def verify_audit(self):
        """The answer of audit verify with heads; raises when the chain is not whole."""
        return json.loads(self.ctl("--json", "audit", "verify", *self.audit_files(), "--heads", self.root / "state/audit-heads.jsonl",
                                   "--heads-key", self.root / "state/audit-heads.key.pub").stdout)
