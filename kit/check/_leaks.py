"""Whether what participants get tells the target: as a column, in disguise, by ids or by row order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from kit.check._data import N_NAMED, Frames, ids_of, role
from kit.competition import Question
from kit.errors import Problem
from kit.metrics import Array
from kit.truth import Truth

MIN_EFFECT = 0.3
"""Of a rank correlation, or of 2 AUC - 1: below it an order tells little."""
MIN_Z = 5.0
"""Standard errors from chance."""


def leak_problems(question: Question, truth: Truth, frames: Frames) -> Iterator[Problem]:
    """Leaks of a question's target through any file of the competition, sample submissions aside."""
    for path, frame in frames.items():
        kind = role(path, frame, question, truth)
        if question.id_column not in frame or kind == "sample":
            continue
        found = pd.Index(ids_of(truth)).get_indexer(pd.Index(frame[question.id_column]))
        known, places = frame[found >= 0], found[found >= 0]
        if len(known) == 0:
            continue
        yield from _published_targets(question, path, known, kind)
        features = known.drop(columns=[question.id_column, *question.target], errors="ignore")
        for number, target in enumerate(question.target):
            values = truth.targets[places, number]
            classes = truth.expected.classes
            yield from _disguises(path, features, target, values, is_class=bool(classes))
            if kind == "test":
                yield from _telling_order(question, path, known, target, values, classes)


def _published_targets(question: Question, path: str, known: pd.DataFrame, kind: str) -> Iterator[Problem]:
    ids = known[question.id_column].unique()
    named = ", ".join(map(str, ids[:N_NAMED])) + (", …" if len(ids) > N_NAMED else "")
    if kind == "train":
        text = f"{len(ids)} ids of the truth stand in the training data: {named}."
        yield Problem(path, question.id_column, text, "Take these rows out.")
        return
    for target in question.target:
        if target in known and known[target].notna().any():
            text = f"the target of question '{question.id}' stands in it, for {len(ids)} ids of the truth."
            yield Problem(path, target, text, "Take the column out.")


def _disguises(
    path: str, features: pd.DataFrame, target: str, values: Array, *, is_class: bool
) -> Iterator[Problem]:
    for column in features:
        if _is_disguise(features[column], values, is_class=is_class):
            how = "names the classes" if is_class else "orders the rows"
            text = f"{how} exactly as the target '{target}' does."
            yield Problem(path, str(column), text, "Take the column out.")


def _is_disguise(column: pd.Series, values: Array, *, is_class: bool) -> bool:
    """Whether a column is the target up to a one-to-one mapping; of numbers, one that keeps the order."""
    n_values = len(np.unique(values))
    if n_values < 2 or len(values) < 10:
        return False
    if is_class:
        codes = pd.factorize(column, use_na_sentinel=False)[0]
        if len(np.unique(codes)) != n_values:
            return False
        return len(np.unique(np.column_stack([codes, values.astype(int)]), axis=0)) == n_values
    if not pd.api.types.is_numeric_dtype(column) or column.isna().any() or column.nunique() != n_values:
        return False
    ranks, wanted = stats.rankdata(column), stats.rankdata(values)
    return bool(np.array_equal(ranks, wanted) or np.array_equal(len(ranks) + 1 - ranks, wanted))


def _telling_order(
    question: Question, path: str, known: pd.DataFrame, target: str, values: Array, classes: tuple[str, ...]
) -> Iterator[Problem]:
    for key, order, what, fix in (
        (question.id_column, _id_ranks(known[question.id_column]), "ids tell", "Give ids at random."),
        ("", np.arange(len(known)), "the order of the rows tells", "Shuffle the rows."),
    ):
        told = _strongest(order, values, classes)
        if told:
            yield Problem(path, key, f"{what} the target '{target}': {told}.", fix, warning=True)


def _id_ranks(ids: pd.Series) -> Array:
    numbers = pd.to_numeric(ids, errors="coerce")
    return np.asarray(stats.rankdata(ids if numbers.isna().any() else numbers))


def _strongest(order: Array, values: Array, classes: tuple[str, ...]) -> str:
    """How an order tells a target, in words; empty where it does not."""
    n = len(values)
    if n < 3 or len(np.unique(values)) < 2 or len(np.unique(order)) < 2:
        return ""
    if not classes:
        rho = float(stats.spearmanr(order, values).statistic)
        telling = abs(rho) >= MIN_EFFECT and abs(rho) * np.sqrt(n - 1) >= MIN_Z
        return f"rank correlation {rho:.2f}" if telling else ""
    ranks, found = stats.rankdata(order), []
    for code in np.unique(values):
        n_in = int((values == code).sum())
        auc = (ranks[values == code].sum() - n_in * (n_in + 1) / 2) / (n_in * (n - n_in))
        z = abs(auc - 0.5) / np.sqrt((n + 1) / (12 * n_in * (n - n_in)))
        if abs(2 * auc - 1) >= MIN_EFFECT and z >= MIN_Z:
            found.append((abs(auc - 0.5), f"AUC {auc:.2f} for class '{classes[int(code)]}'"))
    return max(found)[1] if found else ""
