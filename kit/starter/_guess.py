"""Guesses the question that a train, a test and a truth file ask: id column, target, metric, split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kit.competition import Question, class_text
from kit.errors import Problem
from kit.metrics import Domain, Metric, Target, get_metric
from kit.starter._draft import Draft, Guess, sorted_classes
from kit.starter._ids import guess_id
from kit.starter._split import guess_split
from kit.starter._tables import Tables, refusal
from kit.truth import domain_of

MAX_CLASSES = 20
"""Whole numbers with more values than this are taken for numbers."""
MAX_TEXTS = 100
"""Texts with more values than this are taken for neither numbers nor classes."""


def guess_draft(
    tables: Tables, *, id_column: str | None, target: tuple[str, ...], metric: str | None
) -> Draft:
    """The question of these files; what is given is kept, what is not is guessed.

    Raises
    ------
    InvalidCompetition
        The files do not go together.
    """
    given = None if metric is None else _given_metric(metric)
    id_guess = guess_id(tables, id_column)
    targets, guesses = _targets(tables, id_guess.value, target)
    classes, kind = _classes(tables, targets, given)
    chosen, why = (given.name, "") if given else _metric_for(classes, kind)
    _check_fits(tables, chosen, targets, classes)
    more = _more_metrics(get_metric(chosen), classes)
    split, split_guess = guess_split(tables, targets[0], is_class=bool(classes))
    guesses = [
        *([] if id_column else [id_guess]),
        *guesses,
        *([] if given else [Guess("metric", chosen, why, "--metric NAME")]),
    ]
    return Draft(
        id_column=id_guess.value,
        target=targets,
        classes=classes,
        metric=chosen,
        more_metrics=more,
        domain=_domain(id_guess.value, targets, chosen, more, classes),
        split=split,
        guesses=(*guesses, split_guess),
    )


def _given_metric(name: str) -> Metric:
    try:
        metric = get_metric(name)
    except ValueError as error:
        fix = "Your own function goes into competition.toml afterwards." if ":" in name else ""
        raise refusal([Problem("--metric", "", str(error), fix)]) from None
    if metric.needs_groups:
        fix = "Take another one now, and write both into competition.toml afterwards."
        raise refusal([Problem("--metric", "", f"'{name}' needs a group_column.", fix)])
    return metric


def _targets(tables: Tables, id_column: str, given: tuple[str, ...]) -> tuple[tuple[str, ...], list[Guess]]:
    truth, train = [str(c) for c in tables.truth.columns], tables.train_columns
    if given:
        where = {"truth": (tables.truth_path, truth), "train": (tables.train_path, train)}
        missing = [
            Problem(str(path), column, "is no column.", f"It has {', '.join(columns)}.")
            for column in given
            for path, columns in where.values()
            if column not in columns
        ]
        if missing:
            raise refusal(missing)
        return given, []
    shared = [c for c in truth if c in train and c != id_column]
    found = tuple(c for c in shared if c not in tables.test.columns)
    if found:
        why = "in the truth and in train, and not in test."
        return found, [Guess("target", ", ".join(found), why, "--target COLUMN")]
    if shared:
        text = f"every column of the truth stands in test too: {', '.join(shared)}."
        raise refusal([Problem(str(tables.test_path), shared[0], text, "Take the target out of test.")])
    others = ", ".join(c for c in truth if c != id_column) or "nothing else"
    text = f"has no target: of the truth's columns ({others}) none stands in it. It has {', '.join(train)}."
    fix = "Name the target alike in both files."
    raise refusal([Problem(str(tables.train_path), "", text, fix)])


def _classes(
    tables: Tables, targets: tuple[str, ...], metric: Metric | None
) -> tuple[tuple[Any, ...], Target]:
    """The classes of all targets together, none where they are numbers."""
    truth, train = tables.typed_truth(targets), tables.train(targets)
    problems, kinds = [], {}
    for column in targets:
        both = pd.concat([truth[column], train[column]]).dropna()
        if n := int(truth[column].isna().sum()):
            text, fix = f"{n} values are empty.", "Fill them in, or take the rows out of truth and test."
            problems.append(Problem(str(tables.truth_path), column, text, fix))
        problems += _text_problems(tables, column, both, metric)
        kinds[column] = metric.target if metric else _kind(both)
    if problems:
        raise refusal(problems)
    if len(set(kinds.values())) > 1:
        named = ", ".join(f"{column} ({kind.value})" for column, kind in kinds.items())
        fix = "Name one with --target, and write a second [[question]] for the other afterwards."
        raise refusal([Problem(str(tables.truth_path), "", f"holds targets of two kinds: {named}.", fix)])
    kind = next(iter(kinds.values()))
    if kind is not Target.CLASS:
        return (), kind
    return sorted_classes([frame[column] for frame in (truth, train) for column in targets]), kind


def _text_problems(tables: Tables, column: str, values: pd.Series, metric: Metric | None) -> list[Problem]:
    where = str(tables.truth_path)
    if len(values) == 0:
        return [Problem(where, column, "holds no value.", "Fill it in.")]
    numbers = pd.to_numeric(values, errors="coerce")
    odd = values[numbers.isna()].unique().tolist()
    wants_numbers = metric is not None and metric.target is not Target.CLASS
    if odd and (wants_numbers or numbers.notna().mean() > 0.5):
        shown = ", ".join(repr(v) for v in odd[:5])
        return [Problem(where, column, f"holds {shown}, which is no number.", "Mend it in truth and train.")]
    if len(odd) > MAX_TEXTS:
        text = f"holds {len(odd)} different texts, such as {odd[0]!r}: neither numbers nor classes."
        return [Problem(where, column, text, "Name another column with --target.")]
    return []


def _kind(values: pd.Series) -> Target:
    n_values = values.nunique()
    if not pd.api.types.is_numeric_dtype(values) or n_values <= 2:
        return Target.CLASS
    numbers = values.to_numpy(dtype=float)
    whole = bool(np.equal(numbers, np.floor(numbers)).all())
    return (
        Target.CLASS if whole and n_values <= MAX_CLASSES and len(values) >= 5 * n_values else Target.NUMBER
    )


def _metric_for(classes: tuple[Any, ...], kind: Target) -> tuple[str, str]:
    if kind is not Target.CLASS:
        return "rmse", "the target is a number."
    shown = ", ".join(class_text(c) for c in classes[:5]) + (", …" if len(classes) > 5 else "")
    if len(classes) == 2:
        positive = class_text(classes[-1])
        return "roc_auc", f"two classes: {shown}; predictions are the probability of {positive}."
    return "accuracy", f"{len(classes)} classes: {shown}."


def _check_fits(tables: Tables, metric: str, targets: tuple[str, ...], classes: tuple[Any, ...]) -> None:
    found, text = get_metric(metric), ""
    if found.target is Target.CLASS and len(classes) < 2:
        text = f"holds one class only: {', '.join(map(class_text, classes))}."
    elif found.target is Target.CLASS and len(classes) > 2 and found.multiclass_domain is None:
        text = f"has {len(classes)} classes, and '{metric}' takes two."
    elif found.target is Target.CLASS and len(classes) > MAX_TEXTS:
        text = f"has {len(classes)} values, too many for the classes that '{metric}' wants."
    elif len(classes) > 2 and found.multiclass_domain is Domain.DISTRIBUTION and len(targets) > 1:
        text = f"is one of {len(targets)} targets of {len(classes)} classes; '{metric}' takes one target."
    if text:
        fix = "Choose with --target and --metric."
        raise refusal([Problem(str(tables.truth_path), targets[0], text, fix)])


def _more_metrics(metric: Metric, classes: tuple[Any, ...]) -> tuple[str, ...]:
    shown: Sequence[str] = ("rmse", "mae", "r2")
    if classes:
        domain = metric.domain if len(classes) == 2 else metric.multiclass_domain
        labels = domain is Domain.LABEL
        shown = ("accuracy", "balanced_accuracy") if labels else ("roc_auc", "log_loss", "accuracy")
    return tuple(name for name in shown if name != metric.name)


def _domain(
    id_column: str, targets: tuple[str, ...], metric: str, more: tuple[str, ...], classes: tuple[Any, ...]
) -> Domain:
    question = Question(
        id="q", metric=metric, more_metrics=more, id_column=id_column, target=targets, truth="truth.csv"
    )
    return domain_of(question, tuple(class_text(c) for c in classes))
