"""Bounds of what each submission would make of an ensemble, so that few ensembles need be scored.

A bound is at most the loss that `Form.loss` finds, rounding included.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from kit._contributivity.form import Form, Way
from kit._contributivity.growing import Growing
from kit.metrics import Array

EPS = float(np.finfo(np.float64).eps)
_CHUNK = 2048
_SQUARED = ("rmse", "mse", "r2", "brier")


class Ensemble(NamedTuple):
    """An ensemble to append to.

    Parameters
    ----------
    counts : ndarray of float, shape (n_submissions,)
        How often each is in it.
    total : ndarray of shape (n_rows[, n_columns])
        The sum of its members.
    """

    counts: Array
    total: Array

    @property
    def n_members(self) -> float:
        """How many they are, with repeats."""
        return float(self.counts.sum())


class Bounds:
    """Predictions of all submissions, and no bounds: every ensemble is scored. What the others build on."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._given = Growing()

    @property
    def given(self) -> Array:
        """Predictions as they were sent, shape (n_submissions, n_rows[, n_columns])."""
        return self._given.rows

    def extend(self, new: Array) -> Array:
        """Take up predictions, shape (n_new, n_rows[, n_columns]).

        Returns
        -------
        alone : ndarray of shape (n_new,)
            At most the loss of each one alone.
        """
        self._given.extend(new)
        return self.alone(new)

    def alone(self, new: Array) -> Array:
        """At most the loss of each one alone."""
        return np.array([self.form.loss_alone(each) for each in new])

    def appended(self, to: Ensemble) -> Array:
        """At most the loss of the ensemble with each submission appended, shape (n_submissions,)."""
        return np.full(len(to.counts), -np.inf)


def bounds_for(form: Form) -> Bounds:
    """The best bounds there are for a form."""
    name = form.metric.name
    if name in _SQUARED and form.truth.ndim == 1 and form.way in (Way.MEAN, Way.PROBABILITY):
        return SquaredError(form)
    if name == "log_loss":
        return LogLoss(form)
    if name == "accuracy" and form.way is Way.VOTES:
        return Votes(form)
    if name == "accuracy":
        return Margins(form) if form.n_columns == 2 else OpenRows(form)
    if name == "roc_auc" and form.n_columns in (0, 2) and find_spec("numba") is not None:
        return Auc(form)
    return Bounds(form)


class SquaredError(Bounds):
    """All ensembles' squared errors follow from the inner products of the members' residuals."""

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self._truth = form.truth.astype(np.float64)
        self._gram = np.zeros((0, 0))

    def extend(self, new: Array) -> Array:
        n_old = len(self._gram)
        gram = np.zeros((n_old + len(new), n_old + len(new)))
        gram[:n_old, :n_old] = self._gram
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(self._truth), _CHUNK):
                rows = slice(start, start + _CHUNK)
                residuals = new[:, rows] - self._truth[rows]
                if n_old:
                    gram[:n_old, n_old:] += (self.given[:, rows] - self._truth[rows]) @ residuals.T
                gram[n_old:, n_old:] += residuals @ residuals.T  # one array twice: half the work
            gram[n_old:, :n_old] = gram[:n_old, n_old:].T
        self._gram = gram
        return super().extend(new)

    def alone(self, new: Array) -> Array:
        own = np.diag(self._gram)[-len(new) :]
        with np.errstate(over="ignore", invalid="ignore"):
            return self._as_loss(own - self._slack(np.sqrt(own)))

    def appended(self, to: Ensemble) -> Array:
        counts, own = to.counts, np.diag(self._gram)
        with np.errstate(over="ignore", invalid="ignore"):
            cross, norms = self._gram @ counts, np.sqrt(own)
            squares = cross @ counts + 2.0 * cross + own
            return self._as_loss((squares - self._slack(norms @ counts + norms)) / (to.n_members + 1.0) ** 2)

    def _slack(self, norms: Array) -> Array:
        """How far off rounding, and clipping of probabilities, may put a square of such a norm at most."""
        clipped = 0.0 if self.form.way is Way.MEAN else 1e-14 * len(self._truth)
        return (64 + 8 * len(self._truth)) * EPS * norms**2 + clipped

    def _as_loss(self, squares: Array) -> Array:
        mean = np.maximum(squares, 0.0) / len(self._truth) * (1.0 - 64 * EPS)
        if self.form.metric.name == "rmse":
            mean = np.sqrt(mean)
        if self.form.metric.name == "r2":
            mean = mean / self._truth.var() * (1.0 - 1e-12) - 1.0 - 64 * EPS
        return np.where(np.isfinite(mean), mean, -np.inf)


class LogLoss(Bounds):
    """Minus the logarithm is convex: no ensemble is below the tangent at the present one."""

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self._of_truth = Growing()

    def extend(self, new: Array) -> Array:
        self._of_truth.extend(np.stack([self._true(self.form.member(each)) for each in new]))
        return super().extend(new)

    def appended(self, to: Ensemble) -> Array:
        n_members, n_rows = to.n_members, len(to.total)
        mean = self._true(to.total / n_members)
        loss = -float(np.log(mean).mean())
        slope = self._of_truth.rows @ (-1.0 / (n_rows * mean))
        tangent = np.asarray(loss + (slope + 1.0) / (n_members + 1.0))
        # A probability near 1 is rounded by more than what is left of it weighs.
        rounding = 64 * EPS * (1.0 + loss + float((1.0 / mean).mean()))
        return self._sharper(
            tangent - rounding - 64 * EPS * n_rows * np.abs(slope), mean, n_members, rounding
        )

    def _sharper(self, bounds: Array, mean: Array, n_members: float, rounding: float) -> Array:
        """The same bounds, those that could be the least replaced by what is so but for rounding."""
        least, rest = np.inf, n_members * mean
        for i in np.argsort(bounds):
            if bounds[i] > least:
                break
            loss = -float(np.log((rest + self._of_truth.rows[i]) / (n_members + 1.0)).mean())
            bounds[i], least = loss - rounding, min(least, loss + rounding)
        return bounds

    def _true(self, member: Array) -> Array:
        truth = self.form.truth
        if member.ndim == 1:
            return np.where(truth == 1, member, 1.0 - member)
        if member.shape[1] == 2:
            return np.where(truth == 1, member[:, 1], member[:, 0])
        return np.asarray(member[np.arange(len(truth)), truth])


class Votes(Bounds):
    """Accuracy of votes: whether a row is right follows from the vote that is added."""

    def appended(self, to: Ensemble) -> Array:
        is_right = np.empty(to.total.shape, dtype=bool)
        for code in range(self.form.n_columns):
            voted = to.total.copy()
            voted[:, code] += 1.0
            is_right[:, code] = voted.argmax(axis=1) == self.form.truth
        firsts = np.arange(len(voted)) * self.form.n_columns
        hits = [np.count_nonzero(is_right.ravel()[firsts + votes.astype(np.intp)]) for votes in self.given]
        return -np.array(hits) / len(voted)


class Margins(Bounds):
    """Accuracy of two classes' probabilities: margins of the true class add up; close rows count as right."""

    _CLOSE = 4e-7

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self._margins = Growing()
        self._sign = np.where(form.truth == 1, 1.0, -1.0)

    def extend(self, new: Array) -> Array:
        # Half the bytes of float64; rounding stays far below what counts as close.
        margins = np.empty(new.shape[:2], dtype=np.float32)
        for each, margin in zip(new, margins, strict=True):
            np.multiply(self._margin(each), self._sign, out=margin, casting="same_kind")
        self._margins.extend(margins)
        return super().extend(new)

    def appended(self, to: Ensemble) -> Array:
        needed = (to.total[:, 0] - to.total[:, 1]) * self._sign - self._CLOSE
        needed = np.nextafter(needed.astype(np.float32), np.float32(-np.inf))
        hits = [np.count_nonzero(margins >= needed) for margins in self._margins.rows]
        return -np.array(hits) / len(needed)

    def _margin(self, predictions: Array) -> Array:
        first, last = predictions[:, 0], predictions[:, 1]
        sums = first + last
        if sums.min() < 1.0 - 1e-9 or sums.max() > 1.0 + 1e-9:
            first, last = self.form.member(predictions).T
        return np.asarray(last - first)


class OpenRows(Bounds):
    """Accuracy of many classes' probabilities, looking only at rows where one member can change the class."""

    def appended(self, to: Ensemble) -> Array:
        k, truth, total = to.n_members + 1.0, self.form.truth, to.total
        highest = np.partition(total, -2, axis=1)
        # A member's probabilities of two classes differ by 1 at most.
        is_open = highest[:, -1] - highest[:, -2] <= 1.0 + 1e-9
        n_closed = np.count_nonzero(total[~is_open].argmax(axis=1) == truth[~is_open])
        rest, truth = total[is_open], truth[is_open]
        decided = [((rest + self.form.member(each[is_open])) / k).argmax(axis=1) for each in self.given]
        return -np.array([n_closed + np.count_nonzero(codes == truth) for codes in decided]) / len(total)


class Auc(Bounds):
    """Area under the ROC curve: pairs in different buckets of the range are counted exactly."""

    def __init__(self, form: Form) -> None:
        from kit._contributivity.kernels import count_pairs

        super().__init__(form)
        self._count_pairs = count_pairs
        self._positives_first = np.argsort(form.truth != 1, kind="stable")
        self._n_positive = int(np.count_nonzero(form.truth == 1))
        self._values, self._lows, self._highs = Growing(), Growing(), Growing()

    def extend(self, new: Array) -> Array:
        values = np.stack([self._in_order(self.form.member(each)) for each in new])
        self._values.extend(values)
        self._lows.extend(values.min(axis=1))
        self._highs.extend(values.max(axis=1))
        return super().extend(new)

    def alone(self, new: Array) -> Array:
        values = np.stack([self._in_order(each) for each in new])
        return self._bounds(np.zeros(values.shape[1]), values, values.min(axis=1), values.max(axis=1), 1.0)

    def appended(self, to: Ensemble) -> Array:
        values, lows, highs = self._values.rows, self._lows.rows, self._highs.rows
        return self._bounds(self._in_order(to.total), values, lows, highs, to.n_members + 1.0)

    def _bounds(self, total: Array, values: Array, lows: Array, highs: Array, n_members: float) -> Array:
        n_pairs = self._n_positive * (len(total) - self._n_positive)
        if n_pairs == 0:
            return np.full(len(values), np.inf)
        n_buckets = 1 << max(6, len(total).bit_length() - 1)
        at_least, at_most = self._count_pairs(
            total, values, lows, highs, self._n_positive, n_members, n_buckets
        )
        # Those that may be the best are worth a closer look.
        best = np.flatnonzero(at_most >= at_least.max())
        _, at_most[best] = self._count_pairs(
            total, values[best], lows[best], highs[best], self._n_positive, n_members, 16 * n_buckets
        )
        return -at_most / n_pairs

    def _in_order(self, predictions: Array) -> Array:
        scores = predictions[:, 1] if predictions.ndim == 2 else predictions
        return np.asarray(scores[self._positives_first], dtype=np.float64)
