"""Writes into the memory that processes share."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        for i in range(1000):
            with open(f"/dev/shm/left-behind-{i}", "wb") as file:
                file.write(b"x" * 1_000_000)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
