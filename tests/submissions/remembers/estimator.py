"""Leaves notes for its next run, wherever a note could stay."""

import contextlib
import os
import socket
from pathlib import Path

import numpy as np

NAME = "left-behind-note"
PLACES = [
    f"/tmp/{NAME}",
    NAME,
    f"/dev/shm/{NAME}",
    f"/var/tmp/{NAME}",
    f"/dev/{NAME}",
    f"/run/{NAME}",
    f"/{NAME}",
]
PLACES += [f"/proc/1/cwd/{NAME}-1", f"/proc/1/root/tmp/{NAME}-2", f"/proc/self/cwd/../{NAME}-3"]
PLACES += [str(Path(np.__file__).with_name(NAME)), str(Path(os.__file__).with_name(NAME))]


class Estimator:
    def fit(self, X, y):
        for place in PLACES:
            with contextlib.suppress(OSError):
                if Path(place).exists():
                    print("remembered", place)
                Path(place).write_text("seen")
        if "LEFT_BEHIND" in os.environ:
            print("remembered the environment")
        os.environ["LEFT_BEHIND"] = "seen"
        if hasattr(np, "left_behind"):
            print("remembered a module")
        np.left_behind = True
        with contextlib.suppress(OSError):
            server = socket.socket(socket.AF_UNIX)
            server.bind("\0left-behind")
            return self
        print("remembered a socket")
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
