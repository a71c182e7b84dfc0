"""A Kerberos KDC on loopback for the bench, in a folder of its own: MIT's krb5kdc with two workers."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

PLACES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin")
REALM = "BENCH.EXAMPLE"
SERVICES = 64


class NoKdc(Exception):
    """Kerberos' programs are missing, or the KDC does not start."""


def _find(name):
    found = shutil.which(name, path=":".join(PLACES))
    if not found:
        raise NoKdc(f"{name} is missing: ./dev bench installs it, as root")
    return found


def _free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running():
    """A KDC with client and services; gives the path of its krb5.conf."""
    with tempfile.TemporaryDirectory(prefix="x2-kdc-") as name:
        folder = pathlib.Path(name)
        port = _free_port()
        conf, kdc_conf = folder / "krb5.conf", folder / "kdc.conf"
        conf.write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            f" dns_canonicalize_hostname = false\n[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
        )
        kdc_conf.write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n {REALM} = {{\n"
            f"  database_name = {folder}/principal\n  key_stash_file = {folder}/stash\n }}\n"
        )
        env = {"KRB5_CONFIG": str(conf), "KRB5_KDC_PROFILE": str(kdc_conf), "PATH": ":".join(PLACES)}

        def run(*words, feed=None):
            done = subprocess.run(words, env=env, input=feed, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode != 0:
                raise NoKdc(f"{words[0]}: {done.stderr.strip()[-300:]}")

        run(_find("kdb5_util"), "create", "-s", "-W", "-r", REALM, "-P", "bench-master")
        questions = ["addprinc -pw bench client"] + [f"addprinc -randkey svc/{n}" for n in range(SERVICES)]
        run(_find("kadmin.local"), feed="\n".join(questions) + "\n")
        log = open(folder / "log", "w", encoding="utf-8")
        kdc = subprocess.Popen([_find("krb5kdc"), "-n", "-w", "2"], env=env, stdout=log, stderr=log)
        try:
            end = time.monotonic() + 20
            while True:
                if kdc.poll() is not None or time.monotonic() > end:
                    raise NoKdc(f"krb5kdc: {(folder / 'log').read_text()[-300:]}")
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield conf
        finally:
            kdc.terminate()
            kdc.wait(20)
            log.close()
