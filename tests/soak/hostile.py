#!/usr/bin/python3
"""What hostile clients can do to keydist-server, and to a HeNB that behaves (R50).

hostile.py ROOT BIN [--seconds S] [--only KIND] [--skip KIND] [--untimed]

A healthy HeNB asks for a key 50 times a second, in quiet and while each kind of attack runs (tests/soak/attackers.py, in a control group of its own
of a tenth of the usual weight where control groups can be written, else niced), and one that has just started connects and asks for its first. Held: the
server lives, its memory stays under its bound, the healthy HeNB gets every answer, its p99 stays within 3 times of quiet (measured before each attack) or
under 20 ms, and the newcomer has its key within 2 s. --untimed leaves the times out of the verdict, for machines that do other things meanwhile. The
limits on connections are the defaults where connections are the attack, and out of the way where something behind them is.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # Else each program that we run stops gRPC's threads.
import grpc  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import keydist_protos  # noqa: E402
import keydist_root  # noqa: E402

KINDS = ("malformed_frames", "oversized", "connections", "half_handshakes", "unread_streams", "rapid_resets", "million_peers")
MEMORY_MIB = 256       # limits.memory_mib: what the connections may take.
OF_CONNECTIONS = ("connections", "half_handshakes")
DEFAULTS = "limits.connections_per_address = 16\nlimits.new_connections_per_second = 2"
RSS_MIB = 256 + 128    # And what the program takes by itself, with room for the allocator.
FACTOR, FLOOR_S = 3, 0.020
NEWCOMER_S = 2


class ControlGroup:
    """A group with a tenth of the usual weight, by cgroup v2 or v1; where neither can be written its members are niced."""

    def __init__(self):
        self.path = None
        v2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        base, knob, least = ("", "cpu.weight", "10") if v2 else ("cpu", "cpu.shares", "102")
        path = pathlib.Path("/sys/fs/cgroup", base, f"keydist-hostile-{os.getpid()}")
        if not (path.parent / "cgroup.procs").exists():
            return
        try:
            path.mkdir()
            self.path = path
            (path / knob).write_text(least)
        except OSError:
            self.close()
            self.path = None

    def enter(self):
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))
        else:
            os.nice(10)

    def close(self):
        if self.path and self.path.exists():
            try:
                self.path.rmdir()
            except OSError:
                pass


def healthy(service, messages, seconds):
    """p50, p99 and number of answers; a call that is not answered within 10 s counts as one of 10 s."""
    request = messages.GetPairKeysRequest(peers=["b.example"], purpose=messages.IKE_PSK)
    times, over, due = [], time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < over:
        due += 0.02
        began = time.monotonic()
        try:
            service.GetPairKeys(request, timeout=10)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
        times.append(time.monotonic() - began)
        time.sleep(max(0, due - time.monotonic()))
        due = max(due, time.monotonic() - 0.02)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100], len(times)


def newcomer(connect, stub, messages):
    """Seconds from nothing to a key, for a HeNB that has just started."""
    began = time.monotonic()
    with connect("newcomer") as channel:
        stub(channel).GetPairKeys(messages.GetPairKeysRequest(peers=["b.example"], purpose=messages.IKE_PSK), timeout=30, wait_for_ready=True)
    return time.monotonic() - began


def attack(root, options, connect, stub, messages, group, kind):
    with connect("healthy") as channel:
        return attack_beside(root, options, stub(channel), lambda: newcomer(connect, stub, messages), messages, group, kind)


def attack_beside(root, options, service, newcomer_seconds, messages, group, kind):
    _, quiet, _ = healthy(service, messages, options.seconds)
    attacker = subprocess.Popen([sys.executable, HERE / "attackers.py", root.root, str(root.port), root.root / "py",
                                 kind], stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)
    try:
        if attacker.stdout.readline() != "begun\n":
            raise SystemExit(f"{kind}: the attacker did not begin")
        p50, p99, answers = healthy(service, messages, options.seconds)
        new = newcomer_seconds()
        rss, peak = root.rss_kib() // 1024, root.rss_kib("VmHWM") // 1024
        attacker.terminate()
        did = attacker.communicate(timeout=60)[0].strip()
    finally:
        attacker.kill()
        attacker.wait()
    if root.process.poll() is not None:
        raise SystemExit(f"{kind}: the server died:\n{root.logged()[-2000:]}")
    bound = max(FACTOR * quiet, FLOOR_S)
    return {"attack": kind, "did": int(did or 0), "quiet_p99_ms": round(quiet * 1e3, 2), "p50_ms": round(p50 * 1e3, 2),
            "p99_ms": round(p99 * 1e3, 2), "ratio": round(p99 / quiet, 1), "newcomer_ms": round(new * 1e3, 1), "answers": answers, "rss_mib": rss, "peak_mib": peak, "cut": root.logged().count("event=connection_cut"),
            "ok": p99 <= (9 if options.untimed else bound) and (options.untimed or new <= NEWCOMER_S) and peak <= RSS_MIB and int(did or 0) > 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root")
    parser.add_argument("bin")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--skip", choices=KINDS)
    parser.add_argument("--untimed", action="store_true")
    options = parser.parse_args()
    group, failed = ControlGroup(), False
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # 10,000 connections take as many at each end.
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for kind in [options.only] if options.only else [kind for kind in KINDS if kind != options.skip]:
        with keydist_root.KeydistRoot(options.bin) as root:  # One of its own: what an attack leaves is not the next one's.
            messages, stubs = keydist_protos.load(options.root, root.root / "py")
            root.configure(f"limits.memory_mib = {MEMORY_MIB}\n{DEFAULTS if kind in OF_CONNECTIONS else ''}")
            names = ("healthy", "newcomer", "attacker", "b")
            for name in names:
                root.issue(name, f"{name}.example", "vendor-root")
            root.start()
            for name in names:
                root.ctl("henb", "add", f"{name}.example", "--anchor-cert", root.root / "vendor-root.pem", "--group", "site")
            read = lambda name: (root.root / name).read_bytes()
            target = [("grpc.ssl_target_name_override", "keydist.example")]

            def connect(name):
                credentials = grpc.ssl_channel_credentials(read("operator-root.pem"), read(f"{name}.key"), read(f"{name}.pem"))
                return grpc.secure_channel(f"127.0.0.1:{root.port}", credentials, target)

            result = attack(root, options, connect, stubs.KeyDistributionStub, messages, group, kind)
            print(json.dumps(result), flush=True)
            failed = failed or not result["ok"]
            root.stop()
            root.verify_audit()
    group.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
