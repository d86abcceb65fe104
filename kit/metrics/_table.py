"""The table METRICS, and get_metric, which reads names such as ``ndcg@10`` too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches

from kit.metrics import _agreement, _labels, _probabilities, _ranking, _regression
from kit.metrics._metric import Domain, Metric, Target

_LOWER, _GREATER = False, True
_WORST_LOG_LOSS = _probabilities.WORST_LOG_LOSS


def _error(
    function: Callable[..., float], domain: Domain = Domain.REAL, worst: float | None = None
) -> Metric:
    return Metric(function.__name__, function, _LOWER, Target.NUMBER, domain, worst=worst)


def _loss(function: Callable[..., float], worst: float, *, takes_class_weights: bool = False) -> Metric:
    return Metric(
        function.__name__,
        function,
        _LOWER,
        Target.CLASS,
        Domain.PROBABILITY,
        Domain.DISTRIBUTION,
        worst=worst,
        takes_class_weights=takes_class_weights,
    )


def _binary(function: Callable[..., float]) -> Metric:
    return replace(_label(function), multiclass_domain=None)


def _label(function: Callable[..., float], worst: float = 0.0) -> Metric:
    return Metric(
        function.__name__,
        function,
        _GREATER,
        Target.CLASS,
        Domain.LABEL,
        Domain.LABEL,
        best=1.0,
        worst=worst,
    )


def _order(
    name: str,
    function: Callable[..., float],
    target: Target,
    multiclass_domain: Domain | None = None,
    *,
    needs_groups: bool = False,
    takes_events: bool = False,
) -> Metric:
    return Metric(
        name,
        function,
        _GREATER,
        target,
        Domain.REAL,
        multiclass_domain,
        best=1.0,
        worst=0.0,
        needs_groups=needs_groups,
        takes_events=takes_events,
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _error(_regression.rmse),
        _error(_regression.mse),
        _error(_regression.mae),
        _error(_regression.medae),
        Metric("r2", _regression.r2, _GREATER, Target.NUMBER, Domain.REAL, best=1.0),
        _error(_regression.mape),
        _error(_regression.smape, worst=2.0),
        _error(_regression.rmsle, Domain.NON_NEGATIVE),
        replace(_error(_regression.pinball), options={"alpha": 0.5}),
        Metric("pearson", _regression.pearson, _GREATER, Target.NUMBER, Domain.REAL, best=1.0, worst=-1.0),
        _loss(_probabilities.log_loss, _WORST_LOG_LOSS),
        _loss(_probabilities.weighted_log_loss, _WORST_LOG_LOSS, takes_class_weights=True),
        _loss(_probabilities.brier, 2.0),
        _order("roc_auc", _probabilities.roc_auc, Target.CLASS, Domain.DISTRIBUTION),
        _order("average_precision", _probabilities.average_precision, Target.CLASS),
        _label(_agreement.accuracy),
        _label(_agreement.balanced_accuracy),
        _binary(_labels.f1),
        _label(_labels.f1_macro),
        _label(_labels.f1_micro),
        _label(_labels.f1_weighted),
        _binary(_labels.precision),
        _label(_labels.precision_macro),
        _binary(_labels.recall),
        _label(_labels.recall_macro),
        _label(_agreement.mcc, worst=-1.0),
        _label(_agreement.cohen_kappa, worst=-1.0),
        _label(_agreement.quadratic_weighted_kappa, worst=-1.0),
        _binary(_labels.jaccard),
        _label(_labels.jaccard_macro),
        _order("ndcg", _ranking.ndcg, Target.RELEVANCE, needs_groups=True),
        _order("map", _ranking.mean_average_precision, Target.RELEVANCE, needs_groups=True),
        _order("concordance_index", _ranking.concordance_index, Target.NUMBER, takes_events=True),
    )
}


def get_metric(name: str) -> Metric:
    """The metric of that name; ``ndcg@10``, ``map@5`` and ``pinball@0.9`` set its number.

    Raises
    ------
    ValueError
        There is no such metric, or the number after ``@`` does not fit it.

    Examples
    --------
    >>> get_metric("rmse").greater_is_better
    False
    >>> get_metric("ndcg@10").options
    {'k': 10}
    """
    base, at, number = name.partition("@")
    if base not in METRICS:
        raise ValueError(_unknown(name, base))
    if not at:
        return METRICS[base]
    if base == "pinball":
        alpha = _quantile(name, number)
        return replace(METRICS[base], name=f"pinball@{alpha!r}", options={"alpha": alpha})
    if base in ("ndcg", "map"):
        k = _cut_off(name, number)
        return replace(METRICS[base], name=f"{base}@{k}", options={"k": k})
    raise ValueError(f"Metric {base!r} takes no number, got {name!r}; only ndcg@k, map@k and pinball@q do.")


def _unknown(name: str, base: str) -> str:
    near = get_close_matches(base.strip().lower().replace(" ", "_"), METRICS, n=3, cutoff=0.5)
    if near:
        return f"There is no metric {name!r}. Did you mean {' or '.join(map(repr, near))}?"
    return f"There is no metric {name!r}. Known are: {', '.join(sorted(METRICS))}."


def _cut_off(name: str, number: str) -> int:
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise ValueError(f"In {name!r} the number after @ must be a whole number from 1 up, got {number!r}.")
    return int(number)


def _quantile(name: str, number: str) -> float:
    try:
        alpha = float(number)
    except ValueError:
        alpha = float("nan")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"In {name!r} the number after @ must be between 0 and 1, got {number!r}.")
    return alpha
