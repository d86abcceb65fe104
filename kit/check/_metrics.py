"""Whether each metric of a question tells perfect predictions from constant and shuffled ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kit.competition import FILE, Competition, Question, is_custom
from kit.errors import MetricFailed, Problem
from kit.metrics import Array, Domain
from kit.scoring import score_split
from kit.submission import Split
from kit.truth import Truth


def metric_problems(competition: Competition, question: Question, truth: Truth) -> Iterator[Problem]:
    """Metrics that fail, give no finite number, or put perfect predictions last."""
    key = f"question '{question.id}': metric"
    best = perfect(truth)
    low, high = _range(truth.expected.domain)
    if best.to_numpy().min() < low or best.to_numpy().max() > high:
        text = f"predictions must lie from {low:g} to {high:g}, and the truth does not."
        fix = f"'{truth.expected.domain.value}' is asked for: choose another metric or domain."
        yield Problem(FILE, key, text, fix)
        return
    kinds = {"perfect": best, "constant": _constant(truth), "shuffled": _shuffled(best)}
    for name in question.metrics:
        try:
            for split in Split:
                scores = {
                    kind: score_split(
                        name, predictions, truth, question, split, directory=competition.directory
                    )
                    for kind, predictions in kinds.items()
                }
                yield from _order_problems(question, name, split, scores)
        except MetricFailed as error:
            where = name.partition(":")[0] if is_custom(name) else FILE
            yield Problem(where, key, str(error), "")


def perfect(truth: Truth) -> pd.DataFrame:
    """The truth, as predictions."""
    targets: Array = truth.targets
    if truth.expected.domain is Domain.DISTRIBUTION:
        targets = np.eye(len(truth.expected.classes))[truth.targets[:, 0]]
    elif truth.expected.domain is not Domain.LABEL:
        targets = truth.targets.astype(float)
    return _frame(targets, truth)


def _constant(truth: Truth) -> pd.DataFrame:
    """What one says of a row of which one knows nothing: the usual class, frequencies, or median."""
    if truth.expected.domain is Domain.LABEL:
        row = [np.bincount(column).argmax() for column in truth.targets.T]
    elif truth.expected.domain in (Domain.DISTRIBUTION, Domain.PROBABILITY):
        row = list(perfect(truth).to_numpy().mean(axis=0))
    else:
        row = list(np.median(truth.targets, axis=0))
    return _frame(np.tile(np.array(row), (len(truth.targets), 1)), truth)


def _shuffled(predictions: pd.DataFrame) -> pd.DataFrame:
    order = np.random.default_rng(0).permutation(len(predictions))
    return pd.DataFrame(predictions.to_numpy()[order], predictions.index, predictions.columns)


def _frame(values: Array, truth: Truth) -> pd.DataFrame:
    expected = truth.expected
    index = pd.Index(expected.ids, name=expected.id_column)
    return pd.DataFrame(values, index=index, columns=list(expected.columns))


def _range(domain: Domain) -> tuple[float, float]:
    if domain in (Domain.PROBABILITY, Domain.DISTRIBUTION):
        return 0.0, 1.0
    return (0.0 if domain is Domain.NON_NEGATIVE else -np.inf), np.inf


def _order_problems(
    question: Question, name: str, split: Split, scores: dict[str, float]
) -> Iterator[Problem]:
    sign = 1 if question.is_greater_better(name) else -1
    gains = {kind: sign * (scores["perfect"] - scores[kind]) for kind in ("constant", "shuffled")}
    worse = [kind for kind, gain in gains.items() if gain < 0]
    key = f"question '{question.id}': metric"
    if worse:
        text = (
            f"by '{name}' perfect predictions ({scores['perfect']:.6g}) stand behind {worse[0]} ones "
            f"({scores[worse[0]]:.6g}) on the {split.value} split."
        )
        fix = "The direction is probably wrong: "
        fix += f"set greater_is_better = {str(sign < 0).lower()}." if is_custom(name) else "mend the metric."
        yield Problem(FILE, key, text, fix)
    for kind in (kind for kind, gain in gains.items() if gain == 0):
        text = f"'{name}' gives perfect and {kind} predictions the same score on the {split.value} split"
        fix = "Check the metric, and that the target varies there."
        yield Problem(FILE, key, f"{text} ({scores[kind]:.6g}).", fix, warning=True)
