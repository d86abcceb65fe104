"""Asks for more memory than there is."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        np.ones(10**11)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
