"""Greedy ensemble selection with replacement on one fold, kept so that a submission can be added later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kit._contributivity.bounds import Bounds, Ensemble, bounds_for
from kit._contributivity.form import Form, Way, form_of
from kit._contributivity.growing import Growing
from kit.metrics import Array, Metric, get_metric

MAX_MEMBERS = 80


class UndefinedMetric(ValueError):
    """The metric has no value on these rows of the truth, whatever the predictions."""


class Blend:
    """The submissions of one fold, and the ensemble that greedy selection makes of them.

    What was computed of a submission stays: adding one to hundreds costs a hundredth of starting anew.

    Parameters
    ----------
    truth : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Numbers or class codes, as the metric's function takes them; several targets count alike.
    metric : str or Metric
    n_classes : int
        At least so many classes there are, for predicted labels.
    extras : mapping of str to ndarray, optional
        What else the metric's function takes: ``groups``, ``events``, ``class_weights``.

    Examples
    --------
    >>> blend = Blend(np.array([0.0, 2.0, 4.0]), "rmse")
    >>> blend.add(np.array([0.0, 3.0, 4.0]))
    0
    >>> blend.add(np.array([0.0, 0.0, 4.0]))
    1
    >>> blend.select()
    (0, 1, 0)
    """

    def __init__(
        self,
        truth: Array,
        metric: str | Metric,
        *,
        n_classes: int = 0,
        extras: Mapping[str, Array] | None = None,
    ) -> None:
        self._truth, self._n_classes, self._extras = np.asarray(truth), n_classes, extras or {}
        self._metric = get_metric(metric) if isinstance(metric, str) else metric
        self._bounds: Bounds | None = None
        self._alone = Growing()

    def __len__(self) -> int:
        return len(self._alone.rows)

    @property
    def predictions(self) -> Array:
        """What was added, shape (n_submissions, n_rows[, n_columns]).

        Raises
        ------
        ValueError
            Nothing was.
        """
        return self._ready(1, 0.0).given

    def add(self, predictions: Array) -> int:
        """Add a submission's predictions, shape (n_rows[, n_columns]); its place among the others."""
        self.extend(np.asarray(predictions)[np.newaxis])
        return len(self) - 1

    def extend(self, predictions: Array) -> None:
        """Add submissions at once, shape (n_new, n_rows[, n_columns]): faster than one by one.

        Raises
        ------
        ValueError
            They do not fit the truth, the metric or those before; or are not finite.
        """
        given = np.asarray(predictions)
        given = given if given.dtype in (np.float32, np.float64) else given.astype(np.float64)
        if len(given) == 0:
            return
        form = form_of(self._truth, self._metric, given.shape[1:], self._n_classes, self._extras)
        self._check(given, form)
        self._bounds = self._bounds or bounds_for(form)
        self._alone.extend(self._bounds.extend(given))

    def select(self, *, max_members: int = MAX_MEMBERS, min_improvement: float = 0.0) -> tuple[int, ...]:
        """Places of the chosen submissions, in the order they were chosen, with repeats.

        The best one first; then again and again the one that improves the ensemble most, by more than
        `min_improvement`. Of equally good ones the first counts.

        Raises
        ------
        UndefinedMetric
            Whatever the predictions: the truth has one class only, for example.
        ValueError
            There are no submissions, or a limit makes no sense.

        References
        ----------
        .. [1] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, Ensemble selection from libraries of
           models, ICML 2004.
        """
        bounds = self._ready(max_members, min_improvement)
        form, given = bounds.form, bounds.given
        first = _least(self._alone.rows, lambda i: form.loss_alone(given[i]))
        if first is None:
            raise UndefinedMetric(f"Metric {self._metric.name!r} is undefined on these rows of the truth.")
        chosen, total = [first], form.total([form.member(given[first])])
        while len(chosen) < max_members:
            best = self._next(bounds, chosen, total, min_improvement)
            if best is None:
                break
            chosen.append(best)
            total = form.plus(total, form.member(given[best]))
        return tuple(chosen)

    def _next(self, bounds: Bounds, chosen: list[int], total: Array, min_improvement: float) -> int | None:
        """The submission to append, None where none improves enough."""
        form, given = bounds.form, bounds.given
        counts = np.bincount(chosen, minlength=len(self)).astype(np.float64)
        at_most = bounds.appended(Ensemble(counts, total))
        now = form.loss(total, len(chosen))

        def loss(i: int) -> float:
            return form.loss(form.plus(total, form.member(given[i])), len(chosen) + 1)

        if min_improvement > 0.0:
            return _first_steps(at_most, loss, now, min_improvement)
        return _least(at_most, loss, now)

    def _check(self, given: Array, form: Form) -> None:
        if self._bounds is not None and form.shape != self._bounds.form.shape:
            raise ValueError(f"Predictions of shape {given.shape[1:]} differ in form from those before.")
        finite = np.isfinite(given).reshape(len(given), -1).all(axis=1)
        if not finite.all():
            place = len(self) + int(np.flatnonzero(~finite)[0])
            raise ValueError(f"The predictions of submission {place} are not all finite; leave it out.")
        if (
            form.way is Way.VOTES
            and not ((given == np.trunc(given)) & (given >= 0) & (given < form.n_columns)).all()
        ):
            raise ValueError(
                f"Metric {self._metric.name!r} takes class codes from 0 to {form.n_columns - 1}, or one "
                "column of probabilities per class; n_classes tells of classes the truth does not have."
            )

    def _ready(self, max_members: int, min_improvement: float) -> Bounds:
        if self._bounds is None:
            raise ValueError("There are no submissions to select from: add one.")
        if max_members < 1 or not min_improvement >= 0.0:
            raise ValueError(
                f"max_members must be 1 or more and min_improvement 0 or more, got {max_members} and "
                f"{min_improvement}."
            )
        return self._bounds


@dataclass(frozen=True)
class Selection:
    """How ensembles are selected: what is the same on all folds."""

    metric: Metric
    n_classes: int = 0
    max_members: int = MAX_MEMBERS
    min_improvement: float = 0.0

    def members(self, predictions: Array, truth: Array, extras: Mapping[str, Array]) -> tuple[int, ...]:
        """The ensemble on one fold, as `Blend.select` returns it."""
        blend = Blend(truth, self.metric, n_classes=self.n_classes, extras=extras)
        blend.extend(predictions)
        return blend.select(max_members=self.max_members, min_improvement=self.min_improvement)


def _least(bounds: Array, loss: Callable[[int], float], below: float = float("inf")) -> int | None:
    """The place of the least loss below a value, the first of equal ones; None where there is none."""
    best, found = None, below
    for i in map(int, np.argsort(bounds, kind="stable")):
        if bounds[i] > found:
            break
        value = loss(i)
        if value < found or (best is not None and value == found and i < best):
            best, found = i, value
    return best


def _first_steps(bounds: Array, loss: Callable[[int], float], now: float, step: float) -> int | None:
    """The last of a chain in which each, in their order, beats the one before by more than a step."""
    best, found = None, now
    for i in range(len(bounds)):
        if bounds[i] < found - step and (value := loss(i)) < found - step:
            best, found = i, value
    return best
