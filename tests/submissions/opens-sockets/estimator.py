"""Calls out: IPv4, IPv6, unix sockets by path and by abstract name, and names."""

import contextlib
import json
import re
import socket
from pathlib import Path

import numpy as np

TARGETS = json.loads(Path("targets.json").read_text())


def show(where, content):
    """Print what of the planted secrets is in some bytes."""
    content = content if isinstance(content, bytes) else str(content).encode(errors="replace")
    for found in set(re.findall(rb"kit-secret-[0-9a-f]{32}", content)):
        print("found in", where, found.decode())


class Estimator:
    def fit(self, X, y):
        for name, (family, address) in {
            "tcp4": (socket.AF_INET, ("127.0.0.1", TARGETS["tcp4"])),
            "tcp6": (socket.AF_INET6, ("::1", TARGETS["tcp6"])),
            "path": (socket.AF_UNIX, TARGETS["unix"]),
            "abstract": (socket.AF_UNIX, "\0" + TARGETS["abstract"]),
            "outside": (socket.AF_INET, ("1.1.1.1", 53)),
        }.items():
            try:
                with socket.socket(family) as caller:
                    caller.settimeout(0.5)
                    caller.connect(address)
                    show(name, caller.recv(100) if name != "outside" else b"")
                    print("reached", name)
            except OSError:
                continue
        for kind in (socket.AF_INET, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK, 38):
            with contextlib.suppress(OSError):
                socket.socket(kind, socket.SOCK_RAW if kind == socket.AF_PACKET else socket.SOCK_DGRAM)
                print("opened", kind)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
