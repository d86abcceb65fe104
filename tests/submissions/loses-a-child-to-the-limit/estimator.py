"""Has less memory left for processes than they may take, so that one is killed first, and waits for it."""

import os
import time

import numpy as np


def hold(n):
    if os.fork() == 0:
        kept = [np.ones(125_000) for _ in range(n)]
        time.sleep(600)


class Estimator:
    def fit(self, X, y):
        for i in range(19):
            for place in ("/tmp", "/dev/shm"):
                with open(f"{place}/left-behind-{i}", "wb") as file:
                    file.write(b"x" * 1_000_000)
        hold(150)
        hold(200)
        time.sleep(600)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
