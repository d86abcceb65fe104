"""A small kit in RAMP's contract, of our own: classes by name, or values, with a workflow told folds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_diabetes, load_wine

TOML = """\
title = "Kit"
slug = "kit"
opens_at = 2020-01-01T00:00:00Z
closes_at = 2099-01-01T00:00:00Z

[[question]]
id = "q"
{question}
[question.code]
problem = "problem.py"
isolation = "none"
repeat = false
"""

READERS = """
def _read(path, name):
    frame = pd.read_csv(os.path.join(path, "data", name))
    return frame.drop(columns="y"), frame["y"].to_numpy()


def get_train_data(path="."):
    return _read(path, "train.csv")


def get_test_data(path="."):
    return _read(path, "test.csv")
"""

CLASSES = (
    """
import os

import pandas as pd
import rampwf as rw
from sklearn.model_selection import StratifiedShuffleSplit

from names import NAMES

problem_title = "Wines"
Predictions = rw.prediction_types.make_multiclass(label_names=NAMES)
workflow = rw.workflows.Estimator()
score_types = [rw.score_types.Accuracy(name="acc"), rw.score_types.NegativeLogLikelihood(name="nll")]


def get_cv(X, y):
    return StratifiedShuffleSplit(n_splits=2, test_size=0.3, random_state=5).split(X, y)

"""
    + READERS
)

VALUES = (
    '''
import os

import numpy as np
import pandas as pd
import rampwf as rw
from sklearn.model_selection import KFold

problem_title = "Diabetes"
Predictions = rw.prediction_types.make_regression()
score_types = [rw.score_types.RMSE(), rw.score_types.RelativeRMSE(name="rel")]


class Workflow(rw.workflows.Estimator):
    """Notes what it is given, so that a test can see it in the predictions."""

    def train_submission(self, module_path, X, y, train_is=None):
        others = np.setdiff1d(np.arange(len(y)), train_is)
        self.n_seen = len(set(np.round(y[others], 6)))
        return super().train_submission(module_path, X, y, train_is)

    def test_submission(self, trained, X, fold):
        assert (fold is None) == (len(X) == 142)
        return super().test_submission(trained, X) + 1e-9 * self.n_seen


workflow = Workflow()


def get_cv(X, y):
    return KFold(n_splits=3, shuffle=True, random_state=5).split(X)

'''
    + READERS
)

SUBMISSION = """\
from sklearn.ensemble import RandomForest{kind}


def get_estimator():
    return RandomForest{kind}(n_estimators=5, random_state=1)
"""


def write(directory: Path, *, classes: bool = True, question: str = "") -> Path:
    """Write the kit with its starting kit, as a competition without a truth file."""
    load = load_wine if classes else load_diabetes
    X, y = load(return_X_y=True, as_frame=True)
    frame = X.assign(y=[f"wine {code}" for code in y] if classes else y).sample(frac=1, random_state=4)
    for folder in ("data", "submissions/starting_kit"):
        (directory / folder).mkdir(parents=True)
    n_test = 50 if classes else 142
    frame[n_test:].to_csv(directory / "data/train.csv", index=False)
    frame[:n_test].to_csv(directory / "data/test.csv", index=False)
    (directory / "problem.py").write_text(CLASSES if classes else VALUES)
    (directory / "names.py").write_text('NAMES = ["wine 0", "wine 1", "wine 2"]\n')
    kind = "Classifier" if classes else "Regressor"
    (directory / "submissions/starting_kit/estimator.py").write_text(SUBMISSION.format(kind=kind))
    (directory / "competition.toml").write_text(TOML.format(question=question))
    return directory


def scores_of(directory: Path) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """What ``ramp-test --save-output`` wrote: scores of each fold, and the last bagged ones by step."""
    output = directory / "submissions/starting_kit/training_output"
    folds = sorted(output.glob("fold_*/scores.csv"))
    bagged = pd.read_csv(output / "bagged_scores.csv").groupby("step").last()
    return [pd.read_csv(path, index_col=0) for path in folds], bagged
