"""Has a mistake that a library notices."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        from sklearn.linear_model import Ridge

        Ridge().fit(X, y[:-1])
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
