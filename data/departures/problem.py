"""The same question in RAMP's contract: an organizer's own way to train and test, which holds rule 2.

Take it by `problem = "problem.py"` in place of train, test and splitter in competition.toml. It needs the
package ramp-workflow.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import rampwf as rw
from sklearn.model_selection import TimeSeriesSplit

A_DAY = 3 * 19
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]

problem_title = "Departures: who gets away?"
Predictions = rw.prediction_types.make_regression()
score_types = [rw.score_types.RMSE(name="rmse", precision=3)]


class WithoutTheFuture(rw.workflows.Estimator):
    """Refuses a model whose predictions change when the weather of later days does."""

    def test_submission(self, trained_model, X):
        predictions = super().test_submission(trained_model, X)
        midnight = len(X) // 2 // A_DAY * A_DAY
        other = X.copy()
        later = X.loc[midnight:, WEATHER].sample(frac=1, random_state=0)
        other.loc[midnight:, WEATHER] = later.to_numpy()
        again = super().test_submission(trained_model, other)
        if not np.allclose(predictions[:midnight], again[:midnight]):
            raise ValueError("The weather of later rows is used: it lies in the future.")
        return predictions


workflow = WithoutTheFuture()


def get_cv(X, y):
    """Five times: learn from all that was before, predict the next 30 days."""
    return TimeSeriesSplit(n_splits=5, test_size=30 * A_DAY).split(X, y)


def get_train_data(path="."):
    """Inputs and targets of January to September."""
    train = pd.read_csv(Path(path) / "data/train.csv")
    return train.drop(columns=["hour_id", "departures"]), train["departures"].to_numpy()


def get_test_data(path="."):
    """Inputs and targets of October to December."""
    test = pd.read_csv(Path(path) / "data/test.csv")
    truth = pd.read_csv(Path(path) / "private/truth.csv").set_index("hour_id")
    return test.drop(columns="hour_id"), truth["departures"][test["hour_id"]].to_numpy()
