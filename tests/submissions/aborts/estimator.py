"""Gives up as compiled code does."""

import os

import numpy as np


class Estimator:
    def fit(self, X, y):
        os.abort()
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
