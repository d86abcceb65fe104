"""Precision, recall, F1 and Jaccard index of class codes 0..K-1, shape (n,) each.

A class's score whose denominator is 0 counts 0, as scikit-learn's ``zero_division=0``. Class 1 is the
positive one. A macro average runs over the classes seen in truth or predictions, so no value depends
on classes seen in neither.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kit.metrics._metric import Array


class Counts(NamedTuple):
    """Rows per class, shape (K,): all the information these metrics use."""

    hits: Array
    n_true: Array
    n_predicted: Array


def count(y_true: Array, y_pred: Array) -> Counts:
    """Rows per class that are right, that are true, and that are predicted; at least two classes."""
    y_true, y_pred = np.asarray(y_true, dtype=np.intp), np.asarray(y_pred, dtype=np.intp)
    n_classes = 2 if len(y_true) == 0 else max(2, int(y_true.max()) + 1, int(y_pred.max()) + 1)
    return Counts(
        hits=np.bincount(y_true[y_true == y_pred], minlength=n_classes),
        n_true=np.bincount(y_true, minlength=n_classes),
        n_predicted=np.bincount(y_pred, minlength=n_classes),
    )


def precision(y_true: Array, y_pred: Array) -> float:
    """Precision: the share of rows predicted positive that are.

    Greater is better, from 0 to 1; 0 where nothing is predicted positive.

    References
    ----------
    .. [1] C. J. van Rijsbergen, Information Retrieval, 2nd ed. (1979), chapter 7.

    Examples
    --------
    >>> precision(np.array([0, 1, 1, 1]), np.array([1, 1, 0, 0]))
    0.5
    """
    counts = count(y_true, y_pred)
    return _positive(_precisions(counts), counts)


def precision_macro(y_true: Array, y_pred: Array) -> float:
    """Precision of each class, averaged over classes.

    Greater is better, from 0 to 1; a class that is never predicted counts 0.

    References
    ----------
    .. [1] M. Sokolova, G. Lapalme, A systematic analysis of performance measures for classification
       tasks, Information Processing and Management 45 (2009), 427-437, table 3.

    Examples
    --------
    >>> precision_macro(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]))
    0.8333333333333334
    """
    counts = count(y_true, y_pred)
    return _macro(_precisions(counts), counts)


def recall(y_true: Array, y_pred: Array) -> float:
    """Recall: the share of positive rows that are predicted so.

    Greater is better, from 0 to 1; 0 where no row is positive.

    References
    ----------
    .. [1] C. J. van Rijsbergen, Information Retrieval, 2nd ed. (1979), chapter 7.

    Examples
    --------
    >>> recall(np.array([0, 1, 1, 1, 1]), np.array([1, 1, 0, 0, 0]))
    0.25
    """
    counts = count(y_true, y_pred)
    return _positive(_recalls(counts), counts)


def recall_macro(y_true: Array, y_pred: Array) -> float:
    """Recall of each class, averaged over classes.

    Greater is better, from 0 to 1; a class that is predicted and never true counts 0, which
    `balanced_accuracy` leaves out.

    References
    ----------
    .. [1] M. Sokolova, G. Lapalme, A systematic analysis of performance measures for classification
       tasks, Information Processing and Management 45 (2009), 427-437, table 3.

    Examples
    --------
    >>> recall_macro(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 2]))
    0.5555555555555555
    """
    counts = count(y_true, y_pred)
    return _macro(_recalls(counts), counts)


def f1(y_true: Array, y_pred: Array) -> float:
    """F1 score: harmonic mean of precision and recall of the positive class.

    Greater is better, from 0 to 1; 0 where no row is positive, in truth or predictions.

    References
    ----------
    .. [1] C. J. van Rijsbergen, Information Retrieval, 2nd ed. (1979), chapter 7.

    Examples
    --------
    >>> f1(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 0]))
    0.5
    """
    counts = count(y_true, y_pred)
    return _positive(_f1s(counts), counts)


def f1_macro(y_true: Array, y_pred: Array) -> float:
    """F1 score of each class, averaged over classes.

    Greater is better, from 0 to 1. It is the mean of the F1 scores, not the F1 of the mean precision
    and recall.

    References
    ----------
    .. [1] J. Opitz, S. Burst, Macro F1 and Macro F1, arXiv:1911.03347 (2019).

    Examples
    --------
    >>> f1_macro(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]))
    0.3333333333333333
    """
    counts = count(y_true, y_pred)
    return _macro(_f1s(counts), counts)


def f1_micro(y_true: Array, y_pred: Array) -> float:
    """F1 score of all classes' counts together: with one label a row, the accuracy.

    Greater is better, from 0 to 1.

    References
    ----------
    .. [1] M. Sokolova, G. Lapalme, A systematic analysis of performance measures for classification
       tasks, Information Processing and Management 45 (2009), 427-437, table 3.

    Examples
    --------
    >>> f1_micro(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]))
    0.75
    """
    counts = count(y_true, y_pred)
    n = int(counts.n_true.sum())
    return int(counts.hits.sum()) / n if n else float("nan")


def f1_weighted(y_true: Array, y_pred: Array) -> float:
    """F1 score of each class, averaged by the classes' numbers of true rows.

    Greater is better, from 0 to 1.

    References
    ----------
    .. [1] scikit-learn user guide, 3.4.4.9: precision, recall and F-measures.

    Examples
    --------
    >>> f1_weighted(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.6428571428571428
    """
    counts = count(y_true, y_pred)
    n = int(counts.n_true.sum())
    return float((_f1s(counts) * counts.n_true).sum() / n) if n else float("nan")


def jaccard(y_true: Array, y_pred: Array) -> float:
    """Jaccard index of the positive class: rows positive in both over rows positive in either.

    Greater is better, from 0 to 1; 0 where no row is positive, in truth or predictions.

    References
    ----------
    .. [1] P. Jaccard, The distribution of the flora in the alpine zone, New Phytologist 11 (1912), 37-50.

    Examples
    --------
    >>> jaccard(np.array([0, 1, 1, 0]), np.array([1, 1, 1, 1]))
    0.5
    """
    counts = count(y_true, y_pred)
    return _positive(_jaccards(counts), counts)


def jaccard_macro(y_true: Array, y_pred: Array) -> float:
    """Jaccard index of each class, averaged over classes (mean intersection over union).

    Greater is better, from 0 to 1.

    References
    ----------
    .. [1] P. Jaccard, The distribution of the flora in the alpine zone, New Phytologist 11 (1912), 37-50.

    Examples
    --------
    >>> jaccard_macro(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]))
    0.25
    """
    counts = count(y_true, y_pred)
    return _macro(_jaccards(counts), counts)


def _precisions(counts: Counts) -> Array:
    return _share(counts.hits, counts.n_predicted)


def _recalls(counts: Counts) -> Array:
    return _share(counts.hits, counts.n_true)


def _f1s(counts: Counts) -> Array:
    return _share(2 * counts.hits, counts.n_true + counts.n_predicted)


def _jaccards(counts: Counts) -> Array:
    return _share(counts.hits, counts.n_true + counts.n_predicted - counts.hits)


def _share(part: Array, whole: Array) -> Array:
    return np.asarray(part / np.maximum(whole, 1))


def _positive(scores: Array, counts: Counts) -> float:
    return float(scores[1]) if counts.n_true.any() else float("nan")


def _macro(scores: Array, counts: Counts) -> float:
    seen = counts.n_true + counts.n_predicted > 0
    return float(scores[seen].mean()) if seen.any() else float("nan")
