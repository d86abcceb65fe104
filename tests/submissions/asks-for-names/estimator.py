"""Sends what it saw as the name of a host to be looked up."""

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
        for name in ("localhost", "example.org"):
            with contextlib.suppress(OSError):
                print("resolved", socket.getaddrinfo(name, 80, socket.AF_INET)[0])
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
