"""What each submission adds to the ensemble of all: contributivity, RAMP's own and bagged with its error.

Arrays in, arrays out: it knows no store. For code, a fold is a validation part; for predictions, the one
fold is the public split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kit._contributivity import (
    LEAST_BAGS,
    MAX_MEMBERS,
    MOST_BAGS,
    Bags,
    Blend,
    OverFolds,
    Selection,
    draw_bags,
)
from kit.metrics import Array, Metric, get_metric

__all__ = ["Blend", "Contributivity", "Credit", "bagged_score", "contributivity", "historical", "per_fold"]

N_BAGS = 32


@dataclass(frozen=True, eq=False)
class Contributivity:
    """What each submission adds to the ensemble of all, in per cent.

    Parameters
    ----------
    exact : ndarray of shape (n_submissions,)
        RAMP's number, which sums to 100: the share of the folds' ensembles. RAMP shows it rounded.
    per_fold : ndarray of shape (n_folds, n_submissions)
        The same of each fold; each row sums to 100.
    members : tuple of tuple of int
        Each fold's ensemble, in the order of choice, with repeats; the first is the fold's best.
    bagged, error : ndarray of shape (n_submissions,), or None
        Mean over halves of rows and submissions, which sums to 100, and its standard error; None where it
        was not asked for, or a fold has too few rows.
    combined : float
        Score of the folds' ensembles, bagged over folds.
    foldwise_best : float
        Score of the folds' best submissions, bagged over folds.
    """

    exact: Array
    per_fold: Array
    members: tuple[tuple[int, ...], ...]
    bagged: Array | None
    error: Array | None
    combined: float
    foldwise_best: float


def contributivity(
    predictions: Iterable[Array],
    truth: Sequence[Array],
    metric: str | Metric,
    *,
    rows: Sequence[Array] | None = None,
    n_classes: int = 0,
    extras: Sequence[Mapping[str, Array]] | None = None,
    max_members: int = MAX_MEMBERS,
    min_improvement: float = 0.0,
    n_bags: int = N_BAGS,
    seed: int = 0,
) -> Contributivity:
    """Contributivity by greedy ensemble selection with replacement on each fold.

    Parameters
    ----------
    predictions : iterable of ndarray, shape (n_submissions, n_rows[, n_columns])
        One for each fold, of any number of rows; may be a generator, since one fold is looked at at a time.
        Numbers or scores; probabilities of the last of two classes; one column of probabilities per class,
        for any metric of classes; class codes; or one column per target.
    truth : sequence of ndarray, shape (n_rows,) or (n_rows, n_targets)
        Of each fold: numbers, or class codes from 0.
    rows : sequence of ndarray of int, optional
        Which rows of the training part each fold holds; by default no two folds share a row.
    n_classes : int
        At least so many classes there are, where predictions are class codes.
    extras : sequence of mapping of str to ndarray, optional
        Of each fold, what else the metric takes: ``groups``, ``events``, ``class_weights``.
    n_bags : int
        Halves of the rows to bag over, even, from 18 to 70; 0 for no bagging, which takes most of the time.

    Raises
    ------
    ValueError
        Predictions do not fit the truth or the metric, or the metric is undefined on a fold.

    Examples
    --------
    >>> found = contributivity(
    ...     [np.array([[0.0, 3.0, 4.0], [0.0, 0.0, 4.0]])], [np.array([0.0, 2.0, 4.0])], "rmse"
    ... )
    >>> found.members, found.exact.round(), found.combined
    (((0, 1, 0),), array([67., 33.]), 0.0)
    """
    metric = get_metric(metric) if isinstance(metric, str) else metric
    truth = [np.asarray(each) for each in truth]
    extras = extras or [{} for _ in truth]
    _check(len(truth), n_bags)
    selection = Selection(metric, n_classes, max_members, min_improvement)
    combined = OverFolds(truth, metric, rows=rows, n_classes=n_classes, extras=extras)
    best = OverFolds(truth, metric, rows=rows, n_classes=n_classes, extras=extras)
    members: list[tuple[int, ...]] = []
    bags: list[Bags | None] = []
    n_submissions = 0
    for fold, given in enumerate(map(np.asarray, predictions)):
        on_fold = given, truth[fold], extras[fold]
        members.append(selection.members(*on_fold))
        combined.add(fold, given, members[-1])
        best.add(fold, given, members[-1][:1])
        rng = np.random.default_rng([seed, fold])
        bags.append(draw_bags(*on_fold, selection, n_bags=n_bags, rng=rng) if n_bags else None)
        n_submissions = len(given)
    shares = per_fold(members, n_submissions)
    bagged, error = _sum_up(bags)
    exact = 100.0 * shares.sum(axis=0) / shares.sum()
    return Contributivity(exact, shares, tuple(members), bagged, error, combined.score(), best.score())


def per_fold(members: Sequence[Sequence[int]], n_submissions: int) -> Array:
    """Contributivity on each fold from its ensemble, shape (n_folds, n_submissions); RAMP's is its mean.

    Examples
    --------
    >>> per_fold([(0, 0, 1, 0), (1,)], 3)
    array([[ 75.,  25.,   0.],
           [  0., 100.,   0.]])
    """
    counts = [np.bincount(chosen, minlength=n_submissions) / len(chosen) for chosen in members]
    return 100.0 * np.array(counts)


def bagged_score(
    predictions: Iterable[Array],
    members: Sequence[Sequence[int]],
    truth: Sequence[Array],
    metric: str | Metric,
    *,
    rows: Sequence[Array] | None = None,
    n_classes: int = 0,
    extras: Sequence[Mapping[str, Array]] | None = None,
) -> float:
    """Score of the folds' ensembles, bagged over folds; of test predictions, for one.

    Parameters as `contributivity` takes them; for the test set each fold holds all of its rows:
    ``truth=[y_test] * n_folds`` and ``rows=[np.arange(len(y_test))] * n_folds``.
    """
    metric = get_metric(metric) if isinstance(metric, str) else metric
    extras = extras or [{} for _ in truth]
    bag = OverFolds(truth, metric, rows=rows, n_classes=n_classes, extras=extras)
    for fold, (given, chosen) in enumerate(zip(predictions, members, strict=True)):
        bag.add(fold, np.asarray(given), chosen)
    return bag.score()


@dataclass(frozen=True)
class Credit:
    """What a submission says it owes to another: ``share`` of it, from 0 to 1."""

    submission: int
    source: int
    share: float


def historical(contributivity: Array, credits: Sequence[Credit], newest_first: Sequence[int]) -> Array:
    """Contributivity passed on to the submissions that others were built on.

    From the newest to the oldest, each passes the shares it credits of all it has by then; the rest stays.

    Parameters
    ----------
    contributivity : ndarray of shape (n_submissions,)
    credits : sequence of Credit
        In the order they were given: of several to one source the last counts.
    newest_first : sequence of int
        Places of all submissions.

    Raises
    ------
    ValueError
        A share is not from 0 to 1, shares exceed 1 in sum, or a source is not older.

    Examples
    --------
    >>> historical(np.array([20.0, 80.0]), [Credit(1, 0, 0.25)], newest_first=[1, 0])
    array([40., 60.])
    """
    age = {submission: place for place, submission in enumerate(newest_first)}
    if sorted(age) != list(range(len(contributivity))):
        raise ValueError(f"newest_first must hold each of the {len(contributivity)} submissions once.")
    latest: dict[int, dict[int, float]] = {}
    for credit in credits:
        _check_credit(credit, age)
        latest.setdefault(credit.submission, {})[credit.source] = credit.share
    kept = np.array(contributivity, dtype=np.float64)
    for submission in newest_first:
        shares = latest.get(submission, {})
        if sum(shares.values()) > 1.0 + 1e-9:
            raise ValueError(f"Submission {submission} credits more than all of itself: {shares}.")
        whole = kept[submission]
        for source, share in shares.items():
            kept[source] += whole * share
            kept[submission] -= whole * share
    return kept


def _check_credit(credit: Credit, age: Mapping[int, int]) -> None:
    if not 0.0 <= credit.share <= 1.0:
        raise ValueError(f"A credited share is from 0 to 1, got {credit.share} of {credit.submission}.")
    if not age[credit.submission] < age.get(credit.source, -1):
        raise ValueError(f"Submission {credit.submission} credits {credit.source}, which is not older.")


def _sum_up(bags: Sequence[Bags | None]) -> tuple[Array | None, Array | None]:
    """Mean over folds, in per cent, and its standard error."""
    known = [each for each in bags if each is not None]
    if len(known) < len(bags):
        return None, None
    shares = np.mean([each.shares for each in known], axis=0)
    from_rows = np.sum([each.from_rows for each in known], axis=0)
    from_draws = np.sum([each.from_draws for each in known], axis=0)
    return 100.0 * shares, 100.0 * np.sqrt(np.maximum(from_rows, 0.0) + from_draws) / len(known)


def _check(n_folds: int, n_bags: int) -> None:
    if n_folds == 0:
        raise ValueError("There are no folds: give the truth of one or more.")
    if n_bags and not (LEAST_BAGS <= n_bags <= MOST_BAGS and n_bags % 2 == 0):
        raise ValueError(f"n_bags must be 0, or even and from {LEAST_BAGS} to {MOST_BAGS}, got {n_bags}.")
