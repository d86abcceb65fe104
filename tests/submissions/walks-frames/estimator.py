"""Walks up the callers' frames, as it once gave RAMP's labels away."""

import json
import re
import sys
from pathlib import Path

import numpy as np

TARGETS = json.loads(Path("targets.json").read_text())


def show(where, content):
    """Print what of the planted secrets is in some bytes."""
    content = content if isinstance(content, bytes) else str(content).encode(errors="replace")
    for found in set(re.findall(rb"kit-secret-[0-9a-f]{32}", content)):
        print("found in", where, found.decode())


class Estimator:
    labels = ()

    def remember(self, value):
        """Keep what could be the labels of all rows."""
        if isinstance(value, np.ndarray) and value.ndim == 1 and len(value) > len(self.labels):
            self.labels = value

    def fit(self, X, y):
        frame = sys._getframe()
        while frame is not None:
            for name, value in {**frame.f_globals, **frame.f_locals}.items():
                show(f"frame {name}", repr(value)[:100_000])
                self.remember(value)
            frame = frame.f_back
        return self

    def predict(self, X):
        return self.labels if len(self.labels) == len(X) else np.zeros(len(X))


def get_estimator():
    return Estimator()
