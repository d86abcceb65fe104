"""Reads the environment of every process it can name."""

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
        show("own environment", dict(os.environ))
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                show(path, path.read_bytes())
            except OSError:
                continue
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
