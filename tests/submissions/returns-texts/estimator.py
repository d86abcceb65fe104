"""Returns texts where numbers are wanted."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.array(["one"] * len(X))


def get_estimator():
    return Estimator()
