"""Folds of a training table and the scores of what is predicted on them, against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import coded
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.errors import InvalidCompetition, InvalidPredictions
from kit.predictions import read_predictions
from kit.runner.run import Run
from kit.scoring import score


def logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


def linear() -> Any:
    return make_pipeline(StandardScaler(), LinearRegression())


def rmse(y: Any, predicted: Any) -> float:
    return float(np.sqrt(mean_squared_error(y, predicted, multioutput="raw_values")).mean())


CASES: dict[str, tuple[Callable[[], pd.DataFrame], dict[str, str], Any, Any]] = {
    "probability": (
        coded.cancer,
        {"metric": "roc_auc", "more": '["log_loss"]'},
        logistic,
        lambda y, p: roc_auc_score(y, p[:, 1]),
    ),
    "score of the last class": (
        coded.cancer,
        {"metric": "roc_auc"},
        logistic,
        lambda y, p: roc_auc_score(y, p[:, 1]),
    ),
    "distribution": (coded.irises, {"metric": "log_loss"}, logistic, lambda y, p: log_loss(y, p)),
    "label": (coded.irises, {"metric": "accuracy"}, logistic, accuracy_score),
    "classes in an order of their own": (
        coded.cancer,
        {"metric": "roc_auc", "question": 'classes = ["1", "0"]'},
        logistic,
        lambda y, p: roc_auc_score(y == 0, p[:, 0]),
    ),
    "value": (coded.patients, {"metric": "rmse"}, linear, rmse),
    "two values": (coded.patients, {"metric": "rmse", "target": '["y", "z"]'}, linear, rmse),
}


@pytest.mark.parametrize(("data", "settings", "make", "oracle"), CASES.values(), ids=CASES)
def test_fold_scores_are_those_of_scikit_learn(
    tmp_path: Path, data: Any, settings: dict[str, str], make: Any, oracle: Any
) -> None:
    _, question, _, problem = coded.load(coded.write(tmp_path, data(), **settings))
    train = pd.read_csv(tmp_path / "data/train.csv", keep_default_na=False)
    X = train.drop(columns=[c for c in ("row_id", "y", "z") if c in train])
    y = train[list(question.target)].squeeze(axis=1).to_numpy()
    X = X.assign(age=train["z"]).drop(columns="age") if "z" in train and len(question.target) == 1 else X
    splitter = KFold if "rmse" in question.metrics else StratifiedKFold

    for k, (a, b) in enumerate(splitter(3, shuffle=True, random_state=0).split(X, y)):
        run = hand_back(problem, k, make, question.classes)
        scores = problem.fold_scores(k, problem.read(run))

        predict = getattr(make().fit(X.iloc[a], y[a]), problem.task(Path()).wants)
        assert scores["train"][question.metric] == pytest.approx(oracle(y[a], predict(X.iloc[a])), abs=1e-9)
        assert scores["valid"][question.metric] == pytest.approx(oracle(y[b], predict(X.iloc[b])), abs=1e-9)


def hand_back(problem: Any, k: int, make: Any, classes: tuple[str, ...]) -> Run:
    """As a sandbox does, which puts the columns of probabilities in the order of the question's classes."""
    run = coded.run_by_hand(problem, k, make)
    if classes:
        return Run(
            {key: v[:, ::-1] for key, v in run.predictions.items()}, {}, 0, None, "", "", "", {}, False
        )
    return run


@pytest.mark.parametrize(("data", "settings", "make", "oracle"), CASES.values(), ids=CASES)
def test_a_submission_scores_as_its_bagged_predictions_do_when_uploaded(
    tmp_path: Path, data: Any, settings: dict[str, str], make: Any, oracle: Any
) -> None:
    competition, question, truth, problem = coded.load(coded.write(tmp_path, data(), **settings))
    predicted = [problem.read(hand_back(problem, k, make, question.classes)) for k in range(3)]

    bagged = problem.bagged(predicted)
    file = tmp_path / "bagged.csv"
    assert bagged.test_predictions is not None
    bagged.test_predictions.to_csv(file)
    uploaded = score(read_predictions(file, truth.expected), truth, question, directory=competition.directory)

    for each in uploaded:
        assert bagged.scores[each.split.value][each.metric] == pytest.approx(each.score, abs=1e-12)


def test_bagged_values_are_means_and_bagged_labels_the_most_frequent_ones(tmp_path: Path) -> None:
    _, _, truth, problem = coded.load(coded.write(tmp_path, coded.irises(), metric="accuracy"))
    n_train, n_test = 100, len(truth.expected.ids)
    runs = [
        Run(
            {"valid": np.full(n_train, name), "test": np.full(n_test, name)},
            *({}, 0, None, "", "", "", {}, False),
        )
        for name in ("virginica", "NA", "virginica")
    ]

    bagged = problem.bagged([problem.read(run) for run in runs])

    assert bagged.test_predictions is not None
    assert set(bagged.test_predictions["y"]) == {"virginica"}


def test_rows_that_no_fold_holds_out_are_in_no_bagged_score(tmp_path: Path) -> None:
    code = 'splitter = { name = "TimeSeriesSplit", n_splits = 3 }'
    _, _, _, problem = coded.load(coded.write(tmp_path, coded.patients(), metric="rmse", code=code))
    y = pd.read_csv(tmp_path / "data/train.csv")["y"].to_numpy()
    held_out = [problem.fold(k).valid_is for k in range(3)]
    predicted = [problem.read(coded.run_by_hand(problem, k, linear)) for k in range(3)]

    bagged = problem.bagged(predicted)

    values = np.concatenate(
        [p.valid["y"].to_numpy()[rows] for p, rows in zip(predicted, held_out, strict=True)]
    )
    assert len(values) < len(y)
    assert bagged.scores["valid"]["rmse"] == pytest.approx(rmse(y[np.concatenate(held_out)], values))


def test_time_series_are_split_in_the_order_of_the_table(tmp_path: Path) -> None:
    code = 'splitter = { name = "TimeSeriesSplit", n_splits = 4, gap = 2, test_size = 20 }'
    _, _, _, problem = coded.load(coded.write(tmp_path, coded.patients(), metric="rmse", code=code))
    n_rows = len(problem.fold(0).X)

    expected = TimeSeriesSplit(4, gap=2, test_size=20).split(np.zeros(n_rows))

    for k, (a, b) in enumerate(expected):
        fold = problem.fold(k)
        assert fold.train_is.tolist() == a.tolist()
        assert fold.valid_is.tolist() == b.tolist()
        assert fold.X_train.equals(fold.X.iloc[: len(a)])


def test_groups_are_a_column_of_the_training_table(tmp_path: Path) -> None:
    code = 'splitter = { name = "GroupKFold", n_splits = 3, groups = "sex" }'
    data = coded.patients().assign(sex=np.arange(442) % 7)
    _, _, _, problem = coded.load(coded.write(tmp_path, data, metric="rmse", code=code))
    groups = pd.read_csv(tmp_path / "data/train.csv")["sex"].to_numpy()

    for k, (a, b) in enumerate(GroupKFold(3).split(groups, groups, groups)):
        fold = problem.fold(k)
        assert fold.train_is.tolist() == a.tolist()
        assert fold.valid_is.tolist() == b.tolist()


def test_folds_may_stand_in_a_column(tmp_path: Path) -> None:
    code = 'splitter = { name = "PredefinedSplit", groups = "fold" }'
    data = coded.patients().assign(fold=np.arange(442) % 5 - 1)
    _, _, _, problem = coded.load(coded.write(tmp_path, data, metric="rmse", code=code))
    column = pd.read_csv(tmp_path / "data/train.csv")["fold"].to_numpy()

    assert problem.n_folds == 4
    assert problem.fold(2).valid_is.tolist() == np.flatnonzero(column == 2).tolist()


def test_code_sees_neither_ids_nor_targets_nor_columns_that_the_test_lacks(tmp_path: Path) -> None:
    data = coded.patients()
    coded.write(tmp_path, data.assign(extra=1.0), metric="rmse")
    test = tmp_path / "data/test.csv"
    pd.read_csv(test).drop(columns="extra").to_csv(test, index=False)

    fold = coded.load(tmp_path)[3].fold(0)

    assert list(fold.X) == list(fold.X_test) == [c for c in data if c not in ("y", "z")]


def test_predictions_that_do_not_fit_are_told_as_for_a_file(tmp_path: Path) -> None:
    _, _, truth, problem = coded.load(coded.write(tmp_path, coded.patients(), metric="rmse"))
    values = np.zeros(len(truth.expected.ids))
    values[:2] = np.nan
    n_train = len(problem.fold(0).X)
    run = Run({"valid": np.zeros(n_train), "test": values}, {}, 0, None, "", "", "", {}, False)

    with pytest.raises(InvalidPredictions, match="2 values are not finite numbers"):
        problem.read(run)


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {}


def wrong(problem: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def add(spoil: Callable[[Path], None]) -> Callable[[Path], None]:
        WRONG[spoil.__name__] = spoil, problem
        return spoil

    return add


def _rewrite(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(path)).to_csv(path, index=False)


@wrong("data/train.csv: y: is no column, and it is the target.")
def no_target(directory: Path) -> None:
    _rewrite(directory / "data/train.csv", lambda frame: frame.drop(columns="y"))


@wrong("data/train.csv: y: 1 values are empty.")
def empty_target(directory: Path) -> None:
    _rewrite(directory / "data/train.csv", lambda frame: frame.assign(y=frame["y"].where(frame.index > 0)))


@wrong("data/test.csv: row_id: lacks 1 ids of the truth")
def lost_row(directory: Path) -> None:
    _rewrite(directory / "data/test.csv", lambda frame: frame.iloc[1:])


@wrong("data/test.csv: row_id: ids stand more than once")
def repeated_row(directory: Path) -> None:
    _rewrite(directory / "data/test.csv", lambda frame: pd.concat([frame, frame.iloc[:1]]))


@wrong("data/test.csv: has no column in common with the training table.")
def other_columns(directory: Path) -> None:
    _rewrite(directory / "data/test.csv", lambda frame: frame[["row_id"]].assign(other=1))


@wrong(
    "competition.toml: question 'q': code.splitter: cannot split data/train.csv: Cannot have number of splits"
)
def few_rows(directory: Path) -> None:
    _rewrite(directory / "data/train.csv", lambda frame: frame.iloc[:2])


@pytest.mark.parametrize("name", WRONG)
def test_tables_that_cannot_be_run_on_are_told_before_anything_runs(tmp_path: Path, name: str) -> None:
    spoil, problem = WRONG[name]
    spoil(coded.write(tmp_path, coded.patients(), metric="rmse"))

    with pytest.raises(InvalidCompetition) as caught:
        coded.load(tmp_path)

    assert problem in str(caught.value)
