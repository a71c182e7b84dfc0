#!/usr/bin/python3
"""Runs every command of docs/operations.md, in its order, against a real server in a folder of its own.

operations_check.py ROOT BIN

Paths of the page lie below that folder, its address is a free port of loopback. `systemctl` is a stand-in that starts the program as the unit
does and waits for the same word ("READY=1") from it. A block ends at the first command that fails.
"""
import pathlib
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import etcd_member  # noqa: E402
import keydist_root  # noqa: E402

FOLDERS = ("/etc/keydist-server", "/etc/systemd/system", "/var/lib/keydist-server", "/var/backups", "/run/keydist-server", "/tmp")

SYSTEMCTL = """#!/bin/sh
# systemctl VERB [--now] keydist-server
case $1 in
  enable|start) exec {python} {here} --start {top} ;;
  restart) {python} {here} --stop {top}; exec {python} {here} --start {top} ;;
  stop) exec {python} {here} --stop {top} ;;
  daemon-reload) ;;
  reload) kill -HUP "$(cat {top}/pid)" ;;
  *) exit 2 ;;
esac
"""


def blocks(page):
    """(line, text) of every block that begins with ```sh."""
    for match in re.finditer(r"^```sh\n(.*?)^```$", page, flags=re.M | re.S):
        yield page[:match.start()].count("\n") + 2, match.group(1)


def start(top):
    """As the unit: in the background, until it says READY=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        path = top / "notify"
        path.unlink(missing_ok=True)
        notified.bind(str(path))
        notified.settimeout(60)
        log = open(top / "log", "ab")
        # LoadCredential=: what the file holds now.
        credentials = top / "credentials"
        shutil.rmtree(credentials, ignore_errors=True)
        credentials.mkdir()
        if not (top / "etc/systemd/system/keydist-server.service.d/kek.conf").exists():
            shutil.copy(top / "etc/keydist-server/kek", credentials)
        server = subprocess.Popen([top / "bin/keydist-server"], stdout=log, stderr=log,
                                  env={"NOTIFY_SOCKET": str(path), "PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(credentials)},
                                  stdin=subprocess.DEVNULL, start_new_session=True)
        (top / "pid").write_text(str(server.pid))
        try:
            return 0 if notified.recv(100) == b"READY=1" else 1
        except TimeoutError:
            print((top / "log").read_text()[-1000:], file=sys.stderr)
            return 1


def stop(top):
    pid = int((top / "pid").read_text())
    subprocess.run(["kill", "-TERM", str(pid)], check=False)
    return subprocess.run(["timeout", "60", "tail", f"--pid={pid}", "-f", "/dev/null"]).returncode


def prepare(root, top):
    """The page's starting point: programs, and the four files that CA and vendors gave."""
    for folder in FOLDERS:
        (top / folder[1:]).mkdir(parents=True)
    for name in ("server.pem", "server.key", "operator-root.pem", "vendor-root.pem"):
        (top / "etc/keydist-server" / name).write_bytes((root.root / name).read_bytes())
    (top / "etc/keydist-server/server.key").chmod(0o600)
    programs = top / "bin"
    programs.mkdir()
    wrappers = {
        # By hand there are no credentials, and the KEK has its usual place.
        "keydist-server": f'#!/bin/sh\nexport CREDENTIALS_DIRECTORY="${{CREDENTIALS_DIRECTORY:-{top}/etc/keydist-server}}"\n'
                          f'exec {root.bin}/keydist-server --config {top}/etc/keydist-server/keydist-server.toml "$@"\n',
        "chown": "#!/bin/sh\n",  # There is no user keydist-server here.
        "keydistctl": f'#!/bin/sh\nexec {root.bin}/keydistctl --socket {top}/run/keydist-server/admin.sock "$@"\n',
        "systemctl": SYSTEMCTL.format(python=sys.executable, here=pathlib.Path(__file__).resolve(), top=top),
    }
    for name, text in wrappers.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)


def member(top):
    """The etcd that the page moves to, and its files where the page has them."""
    folder = top / "etcd"
    folder.mkdir()
    etcd_member.certificates(folder)
    for name, file in (("etcd-ca.pem", "ca.pem"), ("etcd-client.pem", "own.pem"), ("etcd-client.key", "own.key")):
        (top / "etc/keydist-server" / name).write_bytes((folder / file).read_bytes())
    (top / "etc/keydist-server/etcd-client.key").chmod(0o600)
    return etcd_member.Etcd(folder)


def placed(text, root, top, etcd):
    """The block with its paths below `top` and its addresses on loopback."""
    text = re.sub("|".join(FOLDERS), lambda found: f"{top}{found.group()}", text)
    text = text.replace("10.100.0.1:8443", f"127.0.0.1:{root.port}").replace("10.0.0.0/8", "127.0.0.0/8")
    text = text.replace("127.0.0.1:9464", f"127.0.0.1:{root.metrics_port}")
    # What the page leaves to its defaults lies below `top` as well.
    if "[network]" not in text:
        names = ", ".join(f'"etcd-{i}.example:2379"' for i in (1, 2, 3))
        return text.replace(names, f'"localhost:{etcd.port}"').replace('[store]\nbackend = "sqlite"\n', "")
    state = f'[store]\nbackend = "sqlite"\nstate_dir = "{top}/var/lib/keydist-server"\nrun_dir = "{top}/run/keydist-server"\n'
    return text.replace("\nEND\n", f'\n{state}[metrics]\nlisten = "127.0.0.1:{root.metrics_port}"\nEND\n')


def main():
    if sys.argv[1] in ("--start", "--stop"):
        return (start if sys.argv[1] == "--start" else stop)(pathlib.Path(sys.argv[2]))
    page = (pathlib.Path(sys.argv[1]) / "docs/operations.md").read_text()
    ran = 0
    with keydist_root.KeydistRoot(sys.argv[2]) as root:
        top = root.root / "top"
        prepare(root, top)
        etcd = member(top)
        try:
            etcd_member.until("etcd serves", etcd.serves)
            for line, text in blocks(page):
                run = subprocess.run(["bash", "-euo", "pipefail", "-c", placed(text, root, top, etcd)], cwd=top, capture_output=True, text=True,
                                     stdin=subprocess.DEVNULL, timeout=120, env={"PATH": f"{top}/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
                if run.returncode != 0:
                    log = (top / "log").read_text()[-1500:] if (top / "log").exists() else ""
                    print(f"docs/operations.md:{line}: status {run.returncode}\n{run.stdout[-1500:]}{run.stderr[-1500:]}\n{log}")
                    return 1
                ran += 1
        finally:
            if (top / "pid").exists():
                stop(top)
            etcd.stop()
    print(f"{ran} blocks ran")
    return 0 if ran >= 8 else 1


if __name__ == "__main__":
    sys.exit(main())
