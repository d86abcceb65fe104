"""Puts itself into imports, to see what the harness loads later."""

import builtins
import json
import re
import sys
from pathlib import Path

import numpy as np

TARGETS = json.loads(Path("targets.json").read_text())


def show(where, content):
    """Print what of the planted secrets is in some bytes."""
    content = content if isinstance(content, bytes) else str(content).encode(errors="replace")
    for found in set(re.findall(rb"kit-secret-[0-9a-f]{32}", content)):
        print("found in", where, found.decode())


class Estimator:
    def fit(self, X, y):
        class Hook:
            def find_spec(self, name, path=None, target=None):
                show("import", repr(sys._getframe(1).f_locals))
                print("import of", name)

        sys.meta_path.insert(0, Hook())
        builtins.open = lambda *args, **kwargs: print("open", args)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def get_estimator():
    return Estimator()
