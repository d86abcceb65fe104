"""The tables that code is trained and tested on: read, checked against the question, cut into X and y."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kit._competition_problems import nearest
from kit.competition import FILE, Competition, Question, class_text
from kit.errors import InvalidCompetition, Problem
from kit.metrics import Array, Domain
from kit.predictions import Expected
from kit.tables import read_csv
from kit.truth import Truth


@dataclass(frozen=True, eq=False)
class Tables:
    """What a question's code gets, and the truth of the training rows.

    Parameters
    ----------
    X, X_test : DataFrame
        The same columns, rows as in the files; never the id or a target.
    y : ndarray of shape (n,) or (n, n_targets)
        As the organizer wrote it: floats, or classes.
    test_ids : ndarray of shape (n_test,)
    groups : ndarray of shape (n,) or None
        The splitter's column of the training table.
    truth : Truth
        Of the training rows, which stand in for ids by their numbers.
    classes : tuple
        As the training table writes them, in the question's order.
    """

    X: pd.DataFrame
    y: Array
    X_test: pd.DataFrame
    test_ids: Array
    groups: Array | None
    truth: Truth
    classes: tuple[object, ...]


def read_tables(competition: Competition, question: Question, truth: Truth) -> Tables:
    """Read ``code.train`` and ``code.test`` of a question.

    Raises
    ------
    InvalidCompetition
        With every problem found.
    """
    assert question.code and question.code.train and question.code.test
    train_path, test_path = question.code.train, question.code.test
    train, test = (_read(competition, path, question) for path in (train_path, test_path))
    problems = [*_train_problems(question, truth, train), *_test_problems(question, truth, test)]
    columns = [c for c in train if c in set(test.columns) - {question.id_column, *question.target}]
    if not problems and not columns:
        text, fix = "has no column in common with the training table.", "Give both the same inputs."
        problems = [Problem(test_path, "", text, fix)]
    if problems:
        raise InvalidCompetition(str(competition.directory), problems)
    ids = test[question.id_column]
    wanted = truth.expected.ids
    groups = question.code.splitter.get("groups")
    return Tables(
        X=train[columns],
        y=_labels(train, question, truth),
        X_test=test[columns],
        test_ids=ids.astype("int64").to_numpy() if wanted.dtype != object else ids.to_numpy(object),
        groups=None if groups is None else train[groups].to_numpy(),
        truth=_truth_of(train, question, truth),
        classes=_classes(train, question, truth),
    )


def _read(competition: Competition, path: str, question: Question) -> pd.DataFrame:
    full = competition.directory / path
    try:
        if full.suffix == ".parquet":
            frame = _read_parquet(full, question)
        else:
            frame = read_csv(full, ids=[question.id_column], classes=question.target)
    except Exception as error:
        problem = Problem(path, "", f"cannot be read: {error}.", "Write CSV (UTF-8, commas) or Parquet.")
        raise InvalidCompetition(str(competition.directory), [problem]) from None
    frame.columns = frame.columns.map(str)
    return frame.reset_index(drop=True)


def _read_parquet(path: Path, question: Question) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    column = question.id_column
    return frame.assign(**{column: frame[column].astype(str)}) if column in frame else frame


def _train_problems(question: Question, truth: Truth, train: pd.DataFrame) -> Iterator[Problem]:
    assert question.code and question.code.train
    path, columns = question.code.train, [str(c) for c in train.columns]
    groups = question.code.splitter.get("groups")
    wanted = dict.fromkeys(question.target, "the target")
    wanted |= {groups: "code.splitter's groups"} if groups else {}
    wanted |= {c: "needed by the metric" for c in (question.group_column, question.event_column) if c}
    for column, what in wanted.items():
        if column not in columns:
            yield Problem(path, column, f"is no column, and it is {what}.", nearest(column, columns))
        elif (n := int(np.count_nonzero(train[column].isna()))) > 0:
            yield Problem(path, column, f"{n} values are empty.", "Fill them in, or drop the rows.")
        elif column in question.target:
            yield from _target_problems(path, column, train[column], truth)
    if truth.expected.classes and len(question.target) > 1:
        text, fix = "code predicts classes of one target only.", "Make one question for each target."
        yield Problem(FILE, f"question '{question.id}': target", text, fix)


def _target_problems(path: str, name: str, column: pd.Series[Any], truth: Truth) -> Iterator[Problem]:
    classes = truth.expected.classes
    if classes:
        odd = sorted({class_text(v) for v in column.unique().tolist()} - set(classes))
        if odd:
            text = f"holds {', '.join(map(repr, odd[:5]))}, and the classes are {', '.join(classes[:9])}."
            yield Problem(path, name, text, "Name all in classes, or mend the table.")
        return
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        bad = column[~np.isfinite(numbers)].tolist()[0]
        yield Problem(path, name, f"{bad!r} is not a finite number.", "Mend the table.")


def _test_problems(question: Question, truth: Truth, test: pd.DataFrame) -> Iterator[Problem]:
    assert question.code and question.code.test
    path, column = question.code.test, question.id_column
    if column not in test:
        text = "is no column, and predictions are matched by it."
        yield Problem(path, column, text, nearest(column, [str(c) for c in test.columns]))
        return
    wanted = pd.Index(truth.expected.ids).astype(str)
    if test[column].duplicated().any():
        named = ", ".join(map(str, test[column][test[column].duplicated()].unique()[:5]))
        yield Problem(path, column, f"ids stand more than once: {named}.", "Keep one row for each id.")
    if len(missing := wanted.difference(pd.Index(test[column].dropna()))):
        text = f"lacks {len(missing)} ids of the truth: {', '.join(missing[:5])}."
        yield Problem(path, column, text, "Add their rows, or take them out of the truth.")
    if len(unknown := pd.Index(test[column].fillna("empty")).difference(wanted)):
        text = f"holds {len(unknown)} ids that the truth does not: {', '.join(map(str, unknown[:5]))}."
        yield Problem(path, column, text, "Take their rows out, or add them to the truth.")


def _labels(train: pd.DataFrame, question: Question, truth: Truth) -> Array:
    columns = list(question.target)
    if not truth.expected.classes:
        y: Array = train[columns].apply(pd.to_numeric).to_numpy(dtype=float)
        return y[:, 0] if len(columns) == 1 else y
    column: Array = train[columns[0]].to_numpy()
    return column.astype(str) if column.dtype.kind not in "biuf" else column


def _classes(train: pd.DataFrame, question: Question, truth: Truth) -> tuple[object, ...]:
    """The classes as ``y`` holds them; those that train lacks as their text."""
    if not truth.expected.classes:
        return ()
    written = {class_text(v): v for v in np.unique(_labels(train, question, truth)).tolist()}
    return tuple(written.get(name, name) for name in truth.expected.classes)


def _truth_of(train: pd.DataFrame, question: Question, truth: Truth) -> Truth:
    """The training labels, encoded as the truth's are; a row's number is its id."""
    e, columns = truth.expected, list(question.target)
    expected = Expected(
        question.id, "row", np.arange(len(train)), e.columns, e.domain, e.classes, e.max_bytes
    )
    if e.classes:
        codes = {name: code for code, name in enumerate(e.classes)}
        encoded = [train[c].map(lambda value: codes[class_text(value)]) for c in columns]
    else:
        encoded = [pd.to_numeric(train[c]) for c in columns]
    kind = "int64" if e.classes else float
    return Truth(
        expected=expected,
        targets=np.column_stack([column.to_numpy(dtype=kind) for column in encoded]),
        is_public=np.ones(len(train), dtype=bool),
        groups=pd.factorize(train[question.group_column])[0] if question.group_column else None,
        events=train[question.event_column].to_numpy(dtype=float) if question.event_column else None,
        frame=train[columns].rename_axis("row"),
    )


def wants(truth: Truth) -> str:
    """What is asked of an estimator: ``predict_proba`` where the question takes more than labels."""
    is_label = truth.expected.domain is Domain.LABEL
    return "predict_proba" if truth.expected.classes and not is_label else "predict"
