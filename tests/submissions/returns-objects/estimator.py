"""Returns what is no array of numbers."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.array([{"a": 1}, [2], None] * len(X), dtype=object)[: len(X)]


def get_estimator():
    return Estimator()
