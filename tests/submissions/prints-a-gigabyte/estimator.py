"""Prints and prints."""

import os

import numpy as np


class Estimator:
    def fit(self, X, y):
        line = b"x" * 1_000_000
        for _ in range(1000):
            os.write(1, line)
        print("the end")
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
