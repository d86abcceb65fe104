"""Which metric has which table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kit._scoring import counts, means, ordered, queries
from kit._scoring.concordance import concordance_index
from kit._scoring.counts import FORMULAS, Confusion
from kit._scoring.means import LOSSES
from kit._scoring.median import medae
from kit._scoring.table import Reducer, Rows
from kit.metrics import Array, Metric

_OTHERS: dict[str, Callable[..., Reducer]] = {
    "r2": means.r2,
    "pearson": means.pearson,
    "medae": medae,
    "accuracy": counts.accuracy,
    "f1_micro": counts.accuracy,
    "roc_auc": ordered.roc_auc,
    "average_precision": ordered.average_precision,
    "ndcg": queries.ndcg,
    "map": queries.mean_average_precision,
    "concordance_index": concordance_index,
}


def reducer(
    metric: Metric, rows: Rows, *, class_weights: Array | None = None, confusion: Confusion | None = None
) -> Reducer:
    """What makes block tables of predictions for one metric and one truth.

    Parameters
    ----------
    confusion : Confusion, optional
        Of the same rows; give one to all metrics of class codes, and each submission is counted once.

    Raises
    ------
    KeyError
        The metric has no table.
    """
    base = metric.name.partition("@")[0]
    options: Mapping[str, Any] = metric.options
    if base == "weighted_log_loss":
        weights = np.ones(max(2, rows.n_classes)) if class_weights is None else class_weights
        return means.mean_loss(LOSSES["log_loss"], rows, class_weights=weights)
    if base in LOSSES:
        return means.mean_loss(LOSSES[base], rows, **options)
    if base in FORMULAS:
        return counts.of_counts(base, confusion or Confusion(rows))
    if base == "quadratic_weighted_kappa":
        return counts.quadratic_weighted_kappa(confusion or Confusion(rows))
    return _OTHERS[base](rows, **options)
