#!/usr/bin/python3
"""The examples of docs/client.md are those of docs/examples, and get a key from a real server. client_examples_check.py ROOT BIN"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import keydist_protos  # noqa: E402
import keydist_root  # noqa: E402


def main():
    root, programs = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    page = (root / "docs/client.md").read_text()
    for name, language in (("get_key.cpp", "cpp"), ("get_key.py", "python")):
        if f"```{language}\n{(root / 'docs/examples' / name).read_text()}```\n" not in page:
            print(f"docs/client.md does not show docs/examples/{name} as it is")
            return 1
    with keydist_root.KeydistRoot(programs) as server:
        modules = keydist_protos.generate(root, server.root / "py")
        for name in ("a", "d"):
            server.issue(name, f"{name}.example", "vendor-root")
        server.start()
        for name in ("a", "d"):
            server.ctl("henb", "add", f"{name}.example", "--anchor-cert", server.root / "vendor-root.pem", "--group", "site")
        arguments = [f"127.0.0.1:{server.port}", "keydist.example", "operator-root.pem", "a.pem", "a.key"]
        for command in ([programs / "tests/get_key_example"], ["/usr/bin/python3", root / "docs/examples/get_key.py"]):
            for peer, wanted in (("d.example", "d.example: epoch 1, 32 octets"), ("x.example", "denied")):
                run = subprocess.run([*command, *arguments, peer], cwd=server.root, capture_output=True, text=True, timeout=60,
                                     env={"PYTHONPATH": str(modules), "PATH": "/usr/bin:/bin"})
                if "known as a.example" not in run.stdout or wanted not in run.stdout:
                    print(f"{command[-1]} {peer}: status {run.returncode}\n{run.stdout}{run.stderr}")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
