"""The Ladder: what a team is told of its scores, so that a leaderboard cannot be fitted. Pure.

A score is released when it is clearly better than that of the team's submission that stands; else the
team is told that nothing moved. How much better is recorded in docs/decisions/0005-ladder.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy import special

from kit._scoring import compare
from kit._scoring.grain import SHARE
from kit.metrics import Array

ALPHA = 0.05
"""How probably a submission that is no better moves a team, among its first tries."""
BUDGET = 0.1
"""At try t it is at most BUDGET / t: a thousand tries make 0.7 such moves, ten make a quarter of one."""
GROWTH = 1.125
"""Each move makes the least step of the next dearer by this factor: moves, not tries, give most away."""


class Try(Protocol):
    """What the ladder takes of a scored submission."""

    @property
    def score(self) -> float:
        """On the public split, with all its digits."""

    @property
    def se(self) -> float | None:
        """Its standard error; None where it is not known."""

    @property
    def influences(self) -> Array | None:
        """Of the blocks; None where they were not kept."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Where a team stands after one of its submissions."""

    standing: int
    """Which of the tries, from 0, gives the released score."""
    has_moved: bool
    """Whether it is this one."""


def climb(
    tries: Iterable[Try],
    *,
    greater_is_better: bool,
    known: Sequence[Rung] = (),
    best: Try | None = None,
) -> list[Rung]:
    """Where a team stands after each of its submissions, in their order.

    Of a team's tries only those with ``has_moved`` may ever be shown to it.

    Parameters
    ----------
    known : sequence of Rung, optional
        Those of earlier tries; the list returned goes on from there. ``best`` is the try that stands then.

    References
    ----------
    A. Blum, M. Hardt, The Ladder: A Reliable Leaderboard for Machine Learning Competitions, ICML 2015.
    Their step is one paired standard error; a thousand small changes climb it.
    """
    rungs = list(known)
    n_moves = sum(rung.has_moved for rung in known) - 1
    for now in tries:
        number = len(rungs)
        moves = best is None or is_clear_gain(
            now, best, n_tries=number + 1, n_moves=n_moves, greater_is_better=greater_is_better
        )
        n_moves += moves
        rungs.append(Rung(number if moves else rungs[-1].standing, moves))
        best = now if moves else best
    return rungs


def is_clear_gain(now: Try, best: Try, *, n_tries: int, n_moves: int, greater_is_better: bool) -> bool:
    """Whether a team's ``n_tries``-th submission moves it up, once more, from the one that stands."""
    gain = now.score - best.score if greater_is_better else best.score - now.score
    if not gain > 0.0:
        return False
    least = SHARE * GROWTH**n_moves * (now.se or 0.0)
    return gain > max(factor(n_tries) * _paired_error(now, best), least)


def factor(n_tries: int) -> float:
    """How many paired standard errors the ``n_tries``-th submission must be better.

    Examples
    --------
    >>> [round(factor(n), 2) for n in (1, 5, 60, 1000)]
    [1.64, 2.05, 2.94, 3.72]
    """
    return float(-special.ndtri(min(ALPHA, BUDGET / max(1, n_tries))))


def _paired_error(now: Try, best: Try) -> float:
    """Of the difference; without influences of the same blocks, as if the two were independent."""
    ours, theirs = now.influences, best.influences
    if ours is not None and theirs is not None and len(ours) == len(theirs) > 1:
        return compare(_Paired(now.score, ours), _Paired(best.score, theirs)).se
    return math.hypot(now.se or 0.0, best.se or 0.0)


@dataclass(frozen=True, eq=False)
class _Paired:
    score: float
    influences: Array
