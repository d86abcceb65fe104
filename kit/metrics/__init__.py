"""Metric functions and the table METRICS that names them, each with its direction.

Reads no files and imports nothing but numpy.
"""

from kit.metrics._agreement import accuracy, balanced_accuracy, cohen_kappa, mcc, quadratic_weighted_kappa
from kit.metrics._labels import (
    f1,
    f1_macro,
    f1_micro,
    f1_weighted,
    jaccard,
    jaccard_macro,
    precision,
    precision_macro,
    recall,
    recall_macro,
)
from kit.metrics._metric import Array, Domain, Metric, Target
from kit.metrics._probabilities import average_precision, brier, log_loss, roc_auc, weighted_log_loss
from kit.metrics._ranking import concordance_index, mean_average_precision, ndcg
from kit.metrics._regression import mae, mape, medae, mse, pearson, pinball, r2, rmse, rmsle, smape
from kit.metrics._table import METRICS, get_metric

__all__ = [
    "METRICS",
    "Array",
    "Domain",
    "Metric",
    "Target",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "cohen_kappa",
    "concordance_index",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "get_metric",
    "jaccard",
    "jaccard_macro",
    "log_loss",
    "mae",
    "mape",
    "mcc",
    "mean_average_precision",
    "medae",
    "mse",
    "ndcg",
    "pearson",
    "pinball",
    "precision",
    "precision_macro",
    "quadratic_weighted_kappa",
    "r2",
    "recall",
    "recall_macro",
    "rmse",
    "rmsle",
    "roc_auc",
    "smape",
    "weighted_log_loss",
]
