"""Returns values that are no numbers."""

import numpy as np


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        predictions = np.zeros(len(X))
        predictions[2] = np.nan
        return predictions


def get_estimator():
    return Estimator()
