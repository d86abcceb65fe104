"""Computes for ever."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        while True:
            pass
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
