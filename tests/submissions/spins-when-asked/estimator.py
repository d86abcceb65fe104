"""Trains at once, then computes for ever."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        while len(X) == 7:
            pass
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
