"""Raises a text that moves the reader's cursor."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        raise ValueError("\x1b[2J\x1b[31mred\u202e\x07" * 10_000)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
