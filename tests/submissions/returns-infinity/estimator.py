"""Returns a value that is not finite."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), np.inf)


def get_estimator():
    return Estimator()
