"""Takes memory that counts for no process' data."""

import mmap

import numpy as np


class Estimator:
    def fit(self, X, y):
        kept = []
        while True:
            kept.append(mmap.mmap(-1, 16_000_000))
            kept[-1].write(b"x" * 16_000_000)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
