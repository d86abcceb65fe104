"""Answers with an array of objects, which numpy would unpickle."""

import gc
import io
import os
import time

import numpy as np


def channel():
    """The harness's own way to answer."""
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel")


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/left-behind-pickle",)


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        file = io.BytesIO()
        np.save(file, np.array([Evil()] * len(X), dtype=object), allow_pickle=True)
        channel().send({"stage": "valid"}, file.getvalue())
        time.sleep(600)


def get_estimator():
    return Estimator()
