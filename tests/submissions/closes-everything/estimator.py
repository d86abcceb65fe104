"""Closes the files it was given, and waits."""

import os
import time

import numpy as np


class Estimator:
    def fit(self, X, y):
        os.closerange(0, 1000)
        time.sleep(600)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
