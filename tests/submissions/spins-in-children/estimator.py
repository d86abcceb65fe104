"""Computes in children that are never waited for."""

import os
import time

import numpy as np


class Estimator:
    def fit(self, X, y):
        for _ in range(4):
            if os.fork() == 0:
                os.setsid()
                while True:
                    pass
        time.sleep(600)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
