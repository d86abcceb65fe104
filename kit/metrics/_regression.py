"""Metrics of numbers, shape (n,) each. A finite prediction always gets a finite score, however absurd."""

from __future__ import annotations

import numpy as np

from kit.metrics._metric import Array

_EPS = float(np.finfo(np.float64).eps)
_MAX = float(np.finfo(np.float64).max)


def mse(y_true: Array, y_pred: Array) -> float:
    """Mean squared error.

    Lower is better, from 0 up.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2nd ed. (2009), 2.4.

    Examples
    --------
    >>> mse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    2.0
    """
    with np.errstate(over="ignore"):
        residuals = _residuals(y_true, y_pred)
        return _mean(np.square(residuals, out=residuals))


def rmse(y_true: Array, y_pred: Array) -> float:
    """Root mean squared error.

    Lower is better, from 0 up, in the unit of the target.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2nd ed. (2009), 2.4.

    Examples
    --------
    >>> rmse(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 8.0]))
    2.0
    """
    return float(np.sqrt(mse(y_true, y_pred)))


def mae(y_true: Array, y_pred: Array) -> float:
    """Mean absolute error.

    Lower is better, from 0 up, in the unit of the target.

    References
    ----------
    .. [1] C. J. Willmott, K. Matsuura, Advantages of the mean absolute error (MAE) over the root mean
       square error (RMSE), Climate Research 30 (2005), 79-82.

    Examples
    --------
    >>> mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """
    with np.errstate(over="ignore"):
        return _mean(np.abs(_residuals(y_true, y_pred)))


def medae(y_true: Array, y_pred: Array) -> float:
    """Median absolute error.

    Lower is better, from 0 up, in the unit of the target; outliers do not move it.

    References
    ----------
    .. [1] P. J. Huber, E. M. Ronchetti, Robust Statistics, 2nd ed. (2009), 5.1.

    Examples
    --------
    >>> medae(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 99.0]))
    2.0
    """
    if len(y_true) == 0:
        return float("nan")
    with np.errstate(over="ignore"):
        return _bounded(float(np.median(np.abs(_residuals(y_true, y_pred)))))


def r2(y_true: Array, y_pred: Array) -> float:
    """Coefficient of determination: the share of the truth's variance that is explained.

    Greater is better, up to 1; 0 for the mean of the truth, negative for anything worse. Undefined
    for fewer than two rows or a constant truth (scikit-learn's ``force_finite=False``).

    References
    ----------
    .. [1] N. R. Draper, H. Smith, Applied Regression Analysis, 3rd ed. (1998), 1.3.

    Examples
    --------
    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    0.5
    """
    y_true = _float(y_true)
    if _is_constant(y_true):
        return float("nan")
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = y_true - y_true.mean()
        scale = np.abs(deviations).max()  # without it the squares of tiny targets are all 0
        unexplained = np.square(_residuals(y_true, y_pred) / scale).sum()
        return _bounded(float(1.0 - unexplained / np.square(deviations / scale).sum()))


def mape(y_true: Array, y_pred: Array) -> float:
    """Mean absolute percentage error, as a fraction: 0.1 is ten per cent.

    Lower is better, from 0 up. As in scikit-learn, a truth of 0 counts as the machine epsilon, so
    one such row rules the score: choose smape or mae for a target that can be 0.

    References
    ----------
    .. [1] A. de Myttenaere et al., Mean Absolute Percentage Error for regression models,
       Neurocomputing 192 (2016), 38-48.

    Examples
    --------
    >>> mape(np.array([10.0, 20.0]), np.array([10.0, 25.0]))
    0.125
    """
    with np.errstate(over="ignore"):
        return _mean(np.abs(_residuals(y_true, y_pred)) / np.maximum(np.abs(_float(y_true)), _EPS))


def smape(y_true: Array, y_pred: Array) -> float:
    """Symmetric mean absolute percentage error, as a fraction.

    Lower is better, from 0 to 2: the mean of ``2 |p - y| / (|y| + |p|)``, a row where both are 0
    counting 0. Times 100 for the per cent of the M competitions.

    References
    ----------
    .. [1] S. Makridakis, M. Hibon, The M3-Competition: results, conclusions and implications,
       International Journal of Forecasting 16 (2000), 451-476, appendix A.

    Examples
    --------
    >>> smape(np.array([0.0, 10.0]), np.array([0.0, 30.0]))
    0.5
    """
    # Halves, so that no sum of two finite numbers overflows.
    true, predicted = 0.5 * _float(y_true), 0.5 * _float(y_pred)
    total = np.abs(true) + np.abs(predicted)
    total[total == 0.0] = 1.0
    return _mean(2.0 * (np.abs(predicted - true) / total))


def rmsle(y_true: Array, y_pred: Array) -> float:
    """Root mean squared error of ``log(1 + y)``.

    Lower is better, from 0 up; errors count by ratio. Undefined where a truth is -1 or less.

    References
    ----------
    .. [1] scikit-learn user guide, 3.4.6.4: mean squared logarithmic error.

    Examples
    --------
    >>> round(rmsle(np.array([0.0, 9.0]), np.array([0.0, 99.0])), 6)
    1.628174
    """
    if len(y_true) == 0 or np.min(y_true) <= -1.0:
        return float("nan")
    return rmse(np.log1p(_float(y_true)), np.log1p(_float(y_pred)))


def pinball(y_true: Array, y_pred: Array, alpha: float = 0.5) -> float:
    """Pinball (quantile) loss of a forecast of the quantile `alpha`.

    Lower is better, from 0 up: too low costs `alpha`, too high ``1 - alpha`` per unit.
    ``pinball@0.9`` sets `alpha`; at 0.5 it is half the mean absolute error.

    References
    ----------
    .. [1] R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46 (1978), 33-50.

    Examples
    --------
    >>> pinball(np.array([10.0, 10.0]), np.array([10.0, 8.0]), alpha=0.75)
    0.75
    """
    with np.errstate(over="ignore"):
        too_low = -_residuals(y_true, y_pred)
        return _mean(np.maximum(alpha * too_low, (alpha - 1.0) * too_low))


def pearson(y_true: Array, y_pred: Array) -> float:
    """Pearson's correlation coefficient of truth and predictions.

    Greater is better, from -1 to 1. Undefined for a constant truth; constant predictions score 0.

    References
    ----------
    .. [1] K. Pearson, Note on Regression and Inheritance in the Case of Two Parents,
       Proceedings of the Royal Society of London 58 (1895), 240-242.

    Examples
    --------
    >>> round(pearson(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0])), 6)
    0.866025
    """
    if _is_constant(y_true):
        return float("nan")
    if _is_constant(y_pred):
        return 0.0
    product = float(np.sum(_standardized(y_true) * _standardized(y_pred)))
    return min(max(product, -1.0), 1.0)


def _float(values: Array) -> Array:
    return np.asarray(values, dtype=np.float64)


def _residuals(y_true: Array, y_pred: Array) -> Array:
    return _float(y_pred) - y_true


def _mean(losses: Array) -> float:
    if losses.size == 0:
        return float("nan")
    return _bounded(float(losses.mean()))


def _bounded(score: float) -> float:
    """Overflow counts as the largest float: predicting 1e300 is bad, and no error of the organizers."""
    return min(max(score, -_MAX), _MAX)


def _is_constant(values: Array) -> bool:
    return len(values) == 0 or bool(values.min() == values.max())


def _standardized(values: Array) -> Array:
    scaled = _float(values) / np.abs(values).max()
    deviations = scaled - scaled.mean()
    deviations /= np.abs(deviations).max()
    norm: Array = deviations / np.sqrt(np.square(deviations).sum())
    return norm
