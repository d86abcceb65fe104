"""Reads the truth through the root and the folder of other processes."""

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
    def fit(self, X, y):
        for pid in (str(TARGETS["pid"]), str(os.getppid()), "1", "self"):
            for place in TARGETS["paths"]:
                for root in (f"/proc/{pid}/root", f"/proc/{pid}/cwd/../../../../../.."):
                    for name in ("truth.csv", "kit.db", "submissions/7/estimator.py"):
                        try:
                            show(name, Path(root + place, name).read_bytes())
                        except OSError:
                            continue
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
