"""Greedy ensemble selection on a fold: how predictions combine, bounds that spare evaluations, bags.

Arrays only: no files, no store, no submissions by name.
"""

from kit._contributivity.bags import LEAST_BAGS, MOST_BAGS, Bags, draw_bags
from kit._contributivity.blend import MAX_MEMBERS, Blend, Selection, UndefinedMetric
from kit._contributivity.over_folds import OverFolds

__all__ = [
    "LEAST_BAGS",
    "MAX_MEMBERS",
    "MOST_BAGS",
    "Bags",
    "Blend",
    "OverFolds",
    "Selection",
    "UndefinedMetric",
    "draw_bags",
]
