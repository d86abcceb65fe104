"""Holds much memory once, in many processes at a time."""

import mmap
import os
import time

import numpy as np


class Estimator:
    def fit(self, X, y):
        kept = np.ones(13_000_000)
        shared = mmap.mmap(-1, 100 * 1024 * 1024)
        for _ in range(100):
            shared.write(b"x" * 1024 * 1024)
        children = []
        for _ in range(8):
            children.append(os.fork())
            if children[-1] == 0:
                seen = kept.sum() + len(shared[::4096])
                time.sleep(0.5)
                os._exit(0 if seen else 1)
        assert not any(os.waitpid(child, 0)[1] for child in children)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
