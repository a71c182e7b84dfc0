"""A capture on a wire: tcpdump on the bridge, outside every node."""

import signal

from . import pcap, process

SNAPLEN = 256


class Capture:
    """Runs from its construction until `stop`."""

    def __init__(self, switch, wire, target):
        self.target = target
        self.daemon = switch.start(
            f"tcpdump-{wire}",
            "tcpdump",
            "-i",
            wire,
            "-n",
            "-U",
            "-s",
            str(SNAPLEN),
            "-B",
            "8192",
            "-Z",
            "root",
            "-w",
            str(target),
        )

    def wait_ready(self, timeout=30):
        process.until(
            f"capture {self.target.name}",
            lambda: self.daemon.must_run() and "listening on" in self.daemon.tail(),
            timeout,
        )

    def stop(self):
        if self.daemon.running():
            self.daemon.stop(10, signal.SIGINT)

    def packets(self):
        """What has been captured until now."""
        return pcap.read(self.target)
