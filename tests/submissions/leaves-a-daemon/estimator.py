"""Leaves a process that goes on when the run is over."""

import os
import signal
import sys
import time

import numpy as np


class Estimator:
    def fit(self, X, y):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                code = "import time\nwhile True: time.sleep(0.1); open('/tmp/left-behind-daemon', 'a').write('.')"
                os.execv(sys.executable, [sys.executable, "-c", code, "left-behind-daemon"])
            os._exit(0)
        time.sleep(0.2)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
