"""Ensembles of several folds bagged into one: each row's predictions averaged over the folds that hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from kit._contributivity.form import Way, combine, extras_on, form_of
from kit.metrics import Array, Metric


class OverFolds:
    """Adds up the ensembles of folds, one after another.

    Parameters
    ----------
    truth : sequence of ndarray
        Of each fold.
    rows : sequence of ndarray of int, optional
        Which rows of the whole each fold holds; by default no two folds share a row.
    extras : sequence of mapping of str to ndarray
        Of each fold, what else the metric takes.
    """

    def __init__(
        self,
        truth: Sequence[Array],
        metric: Metric,
        *,
        rows: Sequence[Array] | None,
        n_classes: int,
        extras: Sequence[Mapping[str, Array]],
    ) -> None:
        ends = np.cumsum([0, *map(len, truth)])
        self._rows = rows or [np.arange(a, b) for a, b in pairwise(ends)]
        if [len(each) for each in self._rows] != [len(each) for each in truth]:
            raise ValueError(
                "rows must name as many rows as each fold has; leave it out where none is shared."
            )
        self._truth, self._metric, self._n_classes, self._extras = truth, metric, n_classes, extras
        n_rows = 1 + max(int(each.max(initial=-1)) for each in self._rows)
        self._counts = np.zeros(n_rows)
        self._total = np.zeros(0)

    def add(self, fold: int, predictions: Array, members: Sequence[int]) -> None:
        """Add the ensemble of a fold."""
        form = form_of(
            self._truth[fold], self._metric, predictions.shape[1:], self._n_classes, self._extras[fold]
        )
        mean = combine(predictions, members, form)
        mean = mean if form.way is Way.VOTES else form.member(mean)
        if not self._counts.any():
            self._total = np.zeros((len(self._counts), *mean.shape[1:]))
        self._total[self._rows[fold]] += mean
        self._counts[self._rows[fold]] += 1.0

    def score(self) -> float:
        """The metric of the rows that any fold holds."""
        held = self._counts > 0
        mean = self._total[held] / self._counts[held].reshape(-1, *[1] * (self._total.ndim - 1))
        names = {name for extras in self._extras for name in extras}
        extras = {name: self._whole([extras[name] for extras in self._extras], name) for name in names}
        truth, extras = self._whole(self._truth)[held], extras_on(extras, held)
        form = form_of(truth, self._metric, mean.shape, self._n_classes, extras)
        return form.score_of(mean)

    def _whole(self, of_folds: Sequence[Array], name: str = "") -> Array:
        """Values of each fold's rows as values of all rows."""
        if name == "class_weights":
            return np.asarray(of_folds[0])
        first = np.asarray(of_folds[0])
        whole = np.zeros((len(self._counts), *first.shape[1:]), dtype=first.dtype)
        for rows, values in zip(self._rows, of_folds, strict=True):
            whole[rows] = values
        return whole
