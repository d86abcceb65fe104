"""Dry runs: code on the folds of the training data, on this machine, without any truth."""

from __future__ import annotations

import _thread
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from widget_facts import CODE

from kit.client.sources import read_source
from kit.client.trial import Stopped, Trial, run_trial
from kit.errors import InvalidRequest
from kit.metrics import Domain
from kit.predictions import Expected

N_ROWS, N_TEST = 60, 7
OVERVIEW = {
    "title": "Four", "slug": "four", "opens_at": "2026-03-01T09:00:00Z", "closes_at": "2099-01-01T00:00:00Z",
}  # fmt: skip
MEAN = """\
class Mean:
    def fit(self, X, y):
        assert list(X.columns) == ["height"] and len(X) == len(y) == 40
        self.mean = y.mean()
        return self
    def predict(self, X):
        return [self.mean] * len(X)

def get_estimator():
    return Mean()
"""
SURE = """\
import nbformat
import numpy as np
class Sure:
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self
    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)

def get_estimator():
    return Sure()
"""
FAILS = """\
def get_estimator():
    print("so far so good")
    return {}["missing"]
"""
SLEEPS = MEAN.replace("self.mean =", "import time; time.sleep(60); self.mean =")


def question(**changed: Any) -> dict[str, Any]:
    metrics = [{"name": "mae"}, {"name": "rmse"}]
    return {
        "id": "counts", "metric": "mae", "metrics": metrics, "domain": "real", "id_column": "id",
        "target": ["count"], "columns": ["count"], "classes": [], "kinds": ["code"], "code": dict(CODE),
    } | changed  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data in which the truth of the test has no place."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    train = pd.DataFrame({"id": range(100, 100 + N_ROWS), "height": rng.normal(size=N_ROWS)})
    train["count"] = rng.integers(5, 50, N_ROWS)
    train["pet"] = np.where(train["count"] > 25, "cat", "dog")
    train.drop(columns="pet").to_csv(folder / "train.csv", index=False)
    train.drop(columns="count").to_csv(folder / "pets.csv", index=False)
    pd.DataFrame({"id": range(N_TEST), "height": 1.0}).to_csv(folder / "test.csv", index=False)
    return folder


EXPECTED = Expected("counts", "id", np.arange(N_TEST), ("count",), Domain.REAL)


def dry_run(
    data: Path,
    text: str,
    asked: dict[str, Any] | None = None,
    expected: Expected = EXPECTED,
    shown: Callable[[Trial], Callable[[], object]] = lambda _: int,
) -> Trial:
    asked = asked or question()
    file = data.parent / "mine.py"
    file.write_text(text)
    source = read_source(file, asked["code"])
    return run_trial(OVERVIEW, asked, source, data, expected, shown=shown)


def test_folds_are_scored_on_training_and_validation_rows(data: Path) -> None:
    trial = dry_run(data, MEAN)

    found, train = trial.runs(), pd.read_csv(data / "train.csv")["count"].to_numpy()
    assert (trial.state, len(found)) == ("DONE", 3)
    # KFold without shuffling, by hand.
    valid, rest = train[:20], train[20:]
    assert found.loc[0, "valid"] == pytest.approx(np.abs(valid - rest.mean()).mean())
    assert found.loc[0, "train_rmse"] == pytest.approx(rest.std())
    assert found["test"].isna().all()
    assert (found["peak_bytes"] > 0).all()
    lines = repr(trial).splitlines()
    assert lines[:2] == ["Dry run for 'counts': DONE", "  mae"]
    assert lines[-1] == "Nothing was sent or used up; the test score is the service's to tell."


def test_each_fold_is_told_as_it_goes(data: Path) -> None:
    seen: list[list[str]] = []

    dry_run(data, MEAN, shown=lambda trial: lambda: seen.append([fold["state"] for fold in trial.folds]))

    assert any("running" in states for states in seen)
    assert seen[-1] == ["done", "done", "done"]


def test_classes_are_asked_for_probabilities(data: Path) -> None:
    asked = question(
        metric="log_loss", metrics=[{"name": "log_loss"}], domain="probability", target=["pet"],
        classes=["cat", "dog"], columns=["pet"], code=CODE | {"train": "pets.csv"},
    )  # fmt: skip
    expected = replace(EXPECTED, columns=("pet",), domain=Domain.PROBABILITY, classes=("cat", "dog"))

    trial = dry_run(data, SURE, asked, expected)

    assert trial.runs()["valid"].to_list() == pytest.approx([np.log(2)] * 3)


def test_where_test_rows_are_kept_back_training_rows_stand_in(data: Path) -> None:
    (data / "test.csv").unlink()

    trial = dry_run(data, MEAN, question(code=CODE | {"test": None}))

    assert trial.state == "DONE"


def test_a_metric_that_only_the_service_has_is_left_out(data: Path) -> None:
    own = {"name": "metrics.py:ours"}

    beside = dry_run(data, MEAN, question(metric=own["name"], metrics=[own, {"name": "rmse"}]))
    alone = dry_run(data, MEAN, question(metric=own["name"], metrics=[own]))

    assert beside.facts["metric"] == "rmse"
    assert beside.runs()["valid"].notna().all()
    assert (alone.state, alone.runs()["valid"].isna().all()) == ("DONE", True)


def test_a_failure_is_told_with_the_line_and_what_was_printed(data: Path) -> None:
    trial = dry_run(data, FAILS)

    assert (trial.state, trial.facts["verdict"]) == ("FAILED", "crashed")
    assert 'File "estimator.py", line 3, in get_estimator' in trial.traceback
    assert "so far so good" in trial.traceback
    assert "KeyError" in repr(trial)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As a notebook is; what a shell starts in its background ignores interrupts."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def test_an_interrupt_ends_all_folds(data: Path, interruptible: None) -> None:
    told: list[Trial] = []

    def shown(trial: Trial) -> Callable[[], object]:
        told.append(trial)
        # The first thing that is told is that a fold runs.
        interrupts = iter([_thread.interrupt_main])
        return lambda: next(interrupts, int)()

    with pytest.raises(Stopped, match=r"0 of 3 folds were done\. Nothing is sent"):
        dry_run(data, SLEEPS, shown=shown)

    assert told[0].facts["verdict"] == "cancelled"
    assert Stopped("so")._render_traceback_() == ["Stopped: so"]


def test_an_error_of_a_cell_magic_shows_nothing_that_nobody_wrote() -> None:
    def get_ipython() -> None:
        raise Stopped("so")

    def cell() -> None:
        get_ipython()

    with pytest.raises(Stopped) as caught:
        cell()

    assert caught.value._render_traceback_() == ["Stopped: so"]


def test_what_is_kept_from_participants_cannot_be_tried(data: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'counts' cannot be tried here: .* Submit it instead"):
        dry_run(data, MEAN, question(code=CODE | {"train": None}))


def test_a_notebook_is_not_run_dry(data: Path) -> None:
    file = data.parent / "n.ipynb"
    cell = nbformat.v4.new_code_cell("print(train, test, output)")
    file.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))

    with pytest.raises(InvalidRequest, match=r"n.ipynb is a notebook; a dry run takes code"):
        run_trial(OVERVIEW, question(), read_source(file, CODE), data, EXPECTED, shown=lambda _: int)
