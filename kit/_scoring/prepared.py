"""The truth of one split, made ready for block tables once for all submissions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kit._scoring.blocks import N_BLOCKS, Blocks, deal
from kit._scoring.counts import Confusion
from kit._scoring.reduce import reducer
from kit._scoring.table import Reducer, Rows
from kit.metrics import Array, Metric, Target

_MOST_CELLS = 1 << 18
"""Blocks times classes: with very many classes there are fewer blocks."""


@dataclass(frozen=True, eq=False)
class PreparedSplit:
    """Blocks, and what each metric's reducer knows of the truth; made when first asked for."""

    targets: Array
    blocks: Blocks
    groups: Array | None
    events: Array | None
    n_classes: int
    class_weights: Array | None = None
    _reducers: dict[tuple[str, int], Reducer] = field(default_factory=dict)
    _confusions: dict[int, Confusion] = field(default_factory=dict)

    def reducer(self, metric: Metric, column: int) -> Reducer:
        """What makes tables of a metric for one target column."""
        key = (metric.name, column)
        if key not in self._reducers:
            self._reducers[key] = self._make(metric, column)
        return self._reducers[key]

    def _make(self, metric: Metric, column: int) -> Reducer:
        events = self.events if metric.takes_events else None
        rows = Rows(self.targets[:, column], self.blocks, self.groups, events, self.n_classes)
        if metric.target is not Target.CLASS:
            return reducer(metric, rows)
        if column not in self._confusions:
            self._confusions[column] = Confusion(rows)
        return reducer(metric, rows, class_weights=self.class_weights, confusion=self._confusions[column])


def prepare(
    targets: Array,
    *,
    seed: int,
    groups: Array | None = None,
    events: Array | None = None,
    n_classes: int = 0,
    class_weights: Array | None = None,
) -> PreparedSplit:
    """Deal the rows of a split, or its groups, into blocks.

    Parameters
    ----------
    targets : ndarray of shape (n, n_targets)
    seed : int
        Secret; the same for all submissions to one version of a question.
    """
    n_blocks = int(np.clip(_MOST_CELLS // max(n_classes, 1), 32, N_BLOCKS))
    blocks = deal(len(targets), groups, seed=seed, n_blocks=n_blocks)
    return PreparedSplit(targets, blocks, groups, events, n_classes, class_weights)
