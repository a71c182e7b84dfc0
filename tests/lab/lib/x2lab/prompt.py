"""`lab up`: the scene runs until you leave; commands are run in its nodes."""

import os
import shlex
import subprocess

from . import layout, pcap, process, product, programs, scene
from .traffic import Flow

ALL = ("a", "b", "c", "d", "e", "f", "ca", "oam")
HELP = """  NODE COMMAND …      runs COMMAND in a node: `a x2secctl links`, `b ip xfrm state`, `gw keydistctl henb list`
  policy NODE FILE    signs a policy (JSON) for this HeNB and pushes it
  meet NODE NODE      each becomes the other's neighbour (a trailing `wire`: over the trusted wire)
  traffic NODE NODE   X2-C and X2-U between two HeNBs for three seconds
  wire NAME           what the capture of lan, wan, wire or core has seen so far
  nodes               who is there
  help, quit"""


class Prompt:
    def __init__(self, stage, site, tell):
        self.stage, self.site, self.tell = stage, site, tell

    def line(self, words):
        """One command; False when it is time to leave."""
        first = words[0]
        if first in ("quit", "exit"):
            return False
        if first == "help":
            print(HELP)
        elif first == "nodes":
            self.nodes()
        elif first == "wire" and len(words) == 2:
            print(pcap.count(self.stage.captures[words[1]].packets()))
        elif first == "traffic" and len(words) >= 3:
            self.traffic(words[1], words[2], words[3] if len(words) > 3 else "lan")
        elif first == "meet" and len(words) >= 3:
            self.site.introduce(words[1], words[2], words[3] if len(words) > 3 else "lan")
        elif first == "policy" and len(words) == 3:
            with open(words[2], encoding="utf-8") as f:
                print(self.site[words[1]].push(f.read()).out)
        elif first in self.stage.nodes and len(words) > 1:
            self.inside(self.stage[first], words[1:])
        else:
            print(f"not understood: {' '.join(words)}\n{HELP}")
        return True

    def nodes(self):
        for name in self.stage.nodes:
            addresses = [a for p in layout.plugs(name) for a in p.addresses]
            print(f"  {name:<9} {' '.join(addresses)}")

    def traffic(self, one, other, wire):
        me, peer = layout.HENBS[one], layout.HENBS[other]
        flow = Flow(self.stage[one], getattr(me, wire), self.stage[other], getattr(peer, wire), rate=50)
        print(flow.start(need_association=False).run_for(3).stop())

    def inside(self, node, words):
        own = programs.folder() / words[0]
        argv = [str(own) if own.is_file() else words[0], *words[1:]]
        try:
            subprocess.run(argv, preexec_fn=node.enter, check=False)
        except OSError as e:
            print(f"{words[0]}: {e.strerror}")


def main(nodes, bare, folder, credentials, tell):
    """Builds the scene and reads commands from standard input until its end."""
    tell.live("building the scene")
    with scene.Scene(tuple(nodes) or ALL, folder, credentials, tell) as stage:
        site = product.Site(stage, tell)
        if not bare:
            tell.live("starting the product's daemons")
            site.start_keydist()
            if "ca" in stage.nodes:
                site.start_ca()
            site.start()
        prompt = Prompt(stage, site, tell)
        tell(f"The scene is up. Captures and logs: {folder}. `help` shows what can be done here.")
        _loop(prompt)
    return 0


def _loop(prompt):
    try:
        import readline  # noqa: F401 - line editing and history for input()
    except ImportError:
        pass
    while True:
        try:
            words = shlex.split(input("lab> "))
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            continue
        except ValueError as e:
            print(e)
            continue
        try:
            if words and not prompt.line(words):
                return
        except (process.Failed, OSError, KeyError) as e:
            print(f"{e}")
        except KeyboardInterrupt:
            print(f"interrupted ({os.getpid()})")
