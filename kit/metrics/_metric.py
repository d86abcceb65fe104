"""What a metric is: a function, its direction, and what it wants to be given. Computes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


class Domain(StrEnum):
    """What values a prediction may take."""

    REAL = "real"
    """Any finite number, one column per target."""
    NON_NEGATIVE = "non_negative"
    """Any finite number from 0 up."""
    PROBABILITY = "probability"
    """Probability in [0, 1] of the positive (last) of two classes; one column named like the target."""
    DISTRIBUTION = "distribution"
    """Probabilities in [0, 1], rows summing to 1; one column per class, named like the class."""
    LABEL = "label"
    """One of the classes; one column named like the target."""


class Target(StrEnum):
    """What the truth of a metric is."""

    NUMBER = "number"
    CLASS = "class"
    RELEVANCE = "relevance"


@dataclass(frozen=True)
class Metric:
    """A metric: a function and what one must know to use it.

    ``function(y_true, y_pred, **options) -> float``. For ``Target.CLASS`` y_true holds class codes
    0..K-1 in the order of the question's classes, shape (n,); y_pred holds codes (n,) for LABEL,
    probabilities of the last class (n,) for PROBABILITY, or (n, K) for DISTRIBUTION. For NUMBER and
    RELEVANCE both are floats (n,).

    Returns NaN where the truth leaves the metric undefined, and never because of the predictions:
    an undefined score is the organizers' to mend. Neither raises, warns, nor changes its inputs.
    """

    name: str
    function: Callable[..., float]
    greater_is_better: bool
    target: Target
    domain: Domain
    multiclass_domain: Domain | None = None
    """The domain where there are more than two classes; None where that is refused."""
    best: float = 0.0
    """The score of a perfect prediction; nothing is better."""
    worst: float | None = None
    """Nothing is worse; None where there is no bound."""
    needs_groups: bool = False
    """The function takes ``groups``, codes of shape (n,): rows of one query, user or patient."""
    takes_events: bool = False
    """The function takes ``events``, 1 where the target was observed and 0 where it was censored."""
    takes_class_weights: bool = False
    """The function takes ``class_weights`` of shape (K,)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fixed keyword arguments, such as k of ndcg@k."""

    @property
    def summary(self) -> str:
        """First line of the function's docstring; empty where there is none."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]
