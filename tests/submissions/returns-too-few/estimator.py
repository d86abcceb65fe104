"""Forgets rows."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X) - 1)


def get_estimator():
    return Estimator()
