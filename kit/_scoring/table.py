"""Block tables: a submission reduced to few sums per block, from which scores of any resample follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kit._scoring.blocks import Blocks
from kit.metrics import Array

FromSums = Callable[[Array], Array]
"""Scores of shape (m,) from totals of shape (m, d)."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The truth of one split, as `reducer` takes it."""

    y_true: Array
    blocks: Blocks
    groups: Array | None = None
    events: Array | None = None
    n_classes: int = 0


def same(scores: Array) -> Array:
    """The scores themselves."""
    return scores


class Share(NamedTuple):
    """A score that is a function of a share of rows: of those that count, how many are hits."""

    n_rows: float
    of_score: Callable[[float], float] = float
    to_score: Callable[[float], float] = float
    are_independent: bool = True
    """False where rows come in groups."""


@dataclass(frozen=True, eq=False)
class Table:
    """Sums per block of shape (n_blocks, d), and the function that makes scores of their totals.

    ``from_sums`` of the total over all blocks is the metric's value.
    """

    sums: Array
    from_sums: FromSums
    n_events: float = np.inf
    """Rows in the rarest class that the score rests on; few make the interval doubtful."""
    link: Callable[[Array], Array] = same
    """Makes scores of what ``from_sums`` gives, where that is an inner statistic, 0 in the whole."""
    method: str = "block table"
    share: Share | None = None
    """Where the score is a share: few rows may be in it, however many there are."""

    @property
    def is_linked(self) -> bool:
        """Whether ``from_sums`` gives an inner statistic."""
        return self.link is not same

    @property
    def score(self) -> float:
        """The metric on all rows."""
        with np.errstate(all="ignore"):
            return float(self.link(self.from_sums(self.sums.sum(axis=0)[None, :]))[0])


Reducer = Callable[[Array], Table]
"""Reduces predictions, shape (n,) or (n, K), to their table; holds what depends on the truth alone."""


def mean_of(tables: Sequence[Table]) -> Table:
    """The table of the mean of several scores on the same rows, such as those of several targets."""
    if len(tables) == 1:
        return tables[0]
    ends = np.cumsum([table.sums.shape[1] for table in tables])

    def from_sums(totals: Array) -> Array:
        parts = np.split(totals, ends[:-1], axis=1)
        scores = [table.link(table.from_sums(part)) for table, part in zip(tables, parts, strict=True)]
        return np.asarray(sum(scores) / len(scores))

    n_events = min(table.n_events for table in tables)
    return Table(np.hstack([table.sums for table in tables]), from_sums, n_events, method=tables[0].method)
