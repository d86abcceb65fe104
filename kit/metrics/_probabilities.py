"""Metrics of class codes 0..K-1 against probabilities or scores: of class 1, or one column per class."""

from __future__ import annotations

import numpy as np

from kit.metrics._metric import Array

_EPS = float(np.finfo(np.float64).eps)
_FEW = 1 << 14
WORST_LOG_LOSS = float(-np.log(_EPS))


def log_loss(y_true: Array, y_pred: Array) -> float:
    """Log loss (cross-entropy, negative log-likelihood), in nats per row.

    Lower is better, from 0 to 36.04: as in scikit-learn, the probability of the true class counts as
    at least the float64 epsilon, whatever the type it arrives in.

    Parameters
    ----------
    y_pred : ndarray of shape (n,) or (n, K)
        Probability of class 1, or of every class.

    References
    ----------
    .. [1] C. M. Bishop, Pattern Recognition and Machine Learning (2006), 4.3.2 and 4.3.4.

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    if len(y_true) == 0:
        return float("nan")
    return float(_surprise(y_true, y_pred).mean())


def weighted_log_loss(y_true: Array, y_pred: Array, class_weights: Array | None = None) -> float:
    """Log loss in which each row weighs what its true class weighs.

    Lower is better, from 0 to 36.04: ``sum(w[y] * loss) / sum(w[y])``, as scikit-learn's with these
    sample weights. Weights of w / (rows of the class) give the form that averages within classes
    first. Undefined where all rows weigh 0.

    Parameters
    ----------
    class_weights : ndarray of shape (K,), optional
        Not negative; all equal by default.

    References
    ----------
    .. [1] G. King, L. Zeng, Logistic Regression in Rare Events Data, Political Analysis 9 (2001),
       137-163, equation 8.

    Examples
    --------
    >>> y, p = np.array([0, 1]), np.array([0.5, 0.25])
    >>> round(weighted_log_loss(y, p, class_weights=np.array([1.0, 3.0])), 6)
    1.213008
    """
    weights = np.ones(len(y_true)) if class_weights is None else np.asarray(class_weights)[y_true]
    total = float(weights.sum())
    if total == 0.0:
        return float("nan")
    return float((weights * _surprise(y_true, y_pred)).sum() / total)


def brier(y_true: Array, y_pred: Array) -> float:
    """Brier score: the squared error of the probabilities.

    Lower is better: from 0 to 1 for two classes (of the positive class alone), from 0 to 2 for more
    (summed over classes, Brier's own form).

    Parameters
    ----------
    y_pred : ndarray of shape (n,) or (n, K)
        Probability of class 1, or of every class.

    References
    ----------
    .. [1] G. W. Brier, Verification of Forecasts Expressed in Terms of Probability,
       Monthly Weather Review 78 (1950), 1-3.

    Examples
    --------
    >>> brier(np.array([0, 1]), np.array([0.0, 0.5]))
    0.125
    >>> brier(np.array([0, 2]), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    1.0
    """
    if len(y_true) == 0:
        return float("nan")
    if y_pred.ndim == 1:
        return float(np.square(y_pred - (y_true == 1).astype(np.float64)).mean())
    errors = np.array(y_pred, dtype=np.float64)
    errors[np.arange(len(errors)), y_true] -= 1.0
    return float(np.square(errors).sum(axis=1).mean())


def roc_auc(y_true: Array, y_pred: Array) -> float:
    """Area under the ROC curve; for more than two classes the mean of one class against the rest.

    Greater is better, from 0 to 1; 0.5 for constant predictions. It is the Mann-Whitney statistic:
    how often a positive is above a negative, ties counting half. Undefined without a positive or
    without a negative, as is the mean where any class has none.

    Parameters
    ----------
    y_pred : ndarray of shape (n,) or (n, K)
        Any number that grows with class 1, or the probability of every class.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil, The meaning and use of the area under a receiver operating
       characteristic (ROC) curve, Radiology 143 (1982), 29-36.
    .. [2] F. Provost, P. Domingos, Well-trained PETs: Improving probability estimation trees,
       CeDER working paper IS-00-04, Stern School of Business (2000).

    Examples
    --------
    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    if y_pred.ndim == 1:
        return _auc(y_true == 1, y_pred)
    areas = [_auc(y_true == code, y_pred[:, code]) for code in range(y_pred.shape[1])]
    return sum(areas) / len(areas)


def average_precision(y_true: Array, y_pred: Array) -> float:
    """Average precision: the area under the precision-recall curve, as a step function.

    Greater is better, from 0 to 1; the share of positives for constant predictions. Rows with equal
    predictions enter at once, without interpolation. Undefined without a positive.

    References
    ----------
    .. [1] W. Su, Y. Yuan, M. Zhu, A Relationship between the Average Precision and the Area Under the
       ROC Curve, ICTIR 2015, 349-352.
    .. [2] scikit-learn user guide, 3.4.4.9: precision, recall and F-measures.

    Examples
    --------
    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 6)
    0.833333
    """
    order = np.argsort(y_pred)[::-1]
    ranked = y_pred[order]
    hits = np.cumsum(y_true[order] == 1)
    if len(hits) == 0 or hits[-1] == 0:
        return float("nan")
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = hits[last_of_tie]
    gained = np.diff(hits, prepend=0)
    return float((gained * (hits / (last_of_tie + 1))).sum() / hits[-1])


def _surprise(y_true: Array, y_pred: Array) -> Array:
    """Minus the log of the probability given to each row's true class."""
    if y_pred.ndim == 1:
        positive = np.asarray(y_pred, dtype=np.float64)
        of_truth = np.where(y_true == 1, positive, 1.0 - positive)
    else:
        of_truth = y_pred[np.arange(len(y_true)), y_true].astype(np.float64)
    # No ceiling of 1 - eps as in scikit-learn: it would only keep a perfect prediction from scoring 0.
    surprise: Array = 0.0 - np.log(np.maximum(of_truth, _EPS))
    return surprise


def _auc(positive: Array, y_pred: Array) -> float:
    n_pairs = int(np.count_nonzero(positive)) * int(np.count_nonzero(~positive))
    if n_pairs == 0:
        return float("nan")
    return _twice_above(positive, np.asarray(y_pred, dtype=np.float64)) / (2 * n_pairs)


def _twice_above(positive: Array, y_pred: Array) -> int:
    """Twice the number of pairs with the positive above the negative, tied pairs counting once.

    Pairs in different buckets of the range are counted by bucket; only rows in buckets that hold both
    classes are sorted.
    """
    low, high, n_buckets = float(y_pred.min()), float(y_pred.max()), 1 << len(y_pred).bit_length()
    with np.errstate(over="ignore", divide="ignore"):
        scale = np.float64(n_buckets - 1) / (np.float64(high) - low)
    if len(y_pred) < _FEW or not 0.0 < scale < np.inf:
        return _twice_above_by_sorting(positive, y_pred)
    # A rising function of the prediction, so that buckets never mistake an order.
    buckets = ((y_pred - low) * scale).astype(np.int64)
    cells = np.bincount(buckets + n_buckets * positive, minlength=2 * n_buckets)
    negatives, positives = cells[:n_buckets], cells[n_buckets:]
    is_mixed = (negatives > 0) & (positives > 0)
    rows, mixed = np.flatnonzero(is_mixed[buckets]), np.flatnonzero(is_mixed)
    twice = 2 * _count_above(negatives, positives) - 2 * _count_above(negatives[mixed], positives[mixed])
    return twice + _twice_above_by_sorting(positive[rows], y_pred[rows])


def _count_above(negatives: Array, positives: Array) -> int:
    """Pairs with the positive in a higher bucket than the negative."""
    return int(np.dot(positives, np.cumsum(negatives) - negatives))


def _twice_above_by_sorting(positive: Array, y_pred: Array) -> int:
    # Two sorts of values are twice as fast as one argsort, and looking up sorted values is cheap.
    positives, negatives = np.sort(y_pred[positive]), np.sort(y_pred[~positive])
    below = np.searchsorted(negatives, positives, side="left")
    if len(negatives) == 0 or not np.any(negatives.take(below, mode="clip") == positives):
        return 2 * int(below.sum())
    below_or_tied = np.searchsorted(negatives, positives, side="right")
    return int(below.sum()) + int(below_or_tied.sum())
