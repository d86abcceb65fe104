"""Calls itself for ever."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        self.fit(X, y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
