"""Agreement of class codes 0..K-1, shape (n,) each: how much is right, and how much more than by chance."""

from __future__ import annotations

import math

import numpy as np

from kit.metrics._labels import count
from kit.metrics._metric import Array


def accuracy(y_true: Array, y_pred: Array) -> float:
    """Accuracy: the share of rows that are right.

    Greater is better, from 0 to 1.

    References
    ----------
    .. [1] M. Sokolova, G. Lapalme, A systematic analysis of performance measures for classification
       tasks, Information Processing and Management 45 (2009), 427-437, table 2.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]))
    0.75
    """
    if len(y_true) == 0:
        return float("nan")
    return int(np.count_nonzero(y_true == y_pred)) / len(y_true)


def balanced_accuracy(y_true: Array, y_pred: Array) -> float:
    """Recall of each class of the truth, averaged over them.

    Greater is better, from 0 to 1; 1 / K for constant predictions. Not adjusted for chance.

    References
    ----------
    .. [1] K. H. Brodersen et al., The Balanced Accuracy and Its Posterior Distribution,
       Proceedings of the 20th International Conference on Pattern Recognition (2010), 3121-3124.

    Examples
    --------
    >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    if len(y_true) == 0:
        return float("nan")
    hits, n_true, _ = count(y_true, y_pred)
    true = n_true > 0
    return float((hits[true] / n_true[true]).mean())


def mcc(y_true: Array, y_pred: Array) -> float:
    """Matthews correlation coefficient, for any number of classes.

    Greater is better, from -1 to 1. As in scikit-learn, 0 where truth or predictions are constant.

    References
    ----------
    .. [1] B. W. Matthews, Comparison of the predicted and observed secondary structure of T4 phage
       lysozyme, Biochimica et Biophysica Acta 405 (1975), 442-451.
    .. [2] J. Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient,
       Computational Biology and Chemistry 28 (2004), 367-374.

    Examples
    --------
    >>> mcc(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5773502691896258
    """
    n, n_right, by_chance, squares_true, squares_predicted = _margins(y_true, y_pred)
    if n == 0:
        return float("nan")
    spread = (n * n - squares_true) * (n * n - squares_predicted)
    if spread == 0:
        return 0.0
    return min(max((n * n_right - by_chance) / math.sqrt(spread), -1.0), 1.0)


def cohen_kappa(y_true: Array, y_pred: Array) -> float:
    """Cohen's kappa: agreement beyond chance, over the most that is possible.

    Greater is better, from -1 to 1; 0 for chance. Undefined for a constant truth (scikit-learn: only
    where the predictions are the same constant, and 0 otherwise).

    References
    ----------
    .. [1] J. Cohen, A Coefficient of Agreement for Nominal Scales, Educational and Psychological
       Measurement 20 (1960), 37-46.

    Examples
    --------
    >>> cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    n, n_right, by_chance, squares_true, _ = _margins(y_true, y_pred)
    if squares_true == n * n:
        return float("nan")
    return (n * n_right - by_chance) / (n * n - by_chance)


def quadratic_weighted_kappa(y_true: Array, y_pred: Array) -> float:
    """Cohen's kappa for ordered classes: a miss weighs the square of its distance.

    Greater is better, from -1 to 1; 0 for chance. The distance is that of the codes, so a class that
    no row has still counts as a step (scikit-learn: with all ``labels`` given). Undefined for a
    constant truth.

    References
    ----------
    .. [1] J. Cohen, Weighted kappa: nominal scale agreement with provision for scaled disagreement or
       partial credit, Psychological Bulletin 70 (1968), 213-220.

    Examples
    --------
    >>> quadratic_weighted_kappa(np.array([0, 1, 2, 3]), np.array([0, 1, 2, 2]))
    0.875
    """
    if len(y_true) == 0 or np.min(y_true) == np.max(y_true):
        return float("nan")
    y_true, y_pred = np.asarray(y_true, dtype=np.int64), np.asarray(y_pred, dtype=np.int64)
    # The K x K sums over observed and expected distances reduce to moments of the codes.
    observed = int(np.square(y_true - y_pred).sum())
    squares = int(np.square(y_true).sum()) + int(np.square(y_pred).sum())
    n = len(y_true)
    expected = n * squares - 2 * int(y_true.sum()) * int(y_pred.sum())
    return (expected - n * observed) / expected


def _margins(y_true: Array, y_pred: Array) -> tuple[int, int, int, int, int]:
    """n, n right, and the sums over classes of true x predicted, true squared, predicted squared.

    Python integers: exact at any size.
    """
    hits, n_true, n_predicted = count(y_true, y_pred)
    return (
        len(y_true),
        int(hits.sum()),
        int((n_true * n_predicted).sum()),
        int(np.square(n_true).sum()),
        int(np.square(n_predicted).sum()),
    )
