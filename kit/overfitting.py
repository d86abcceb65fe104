"""A meter of adaptive overfitting: by how much a team's public scores came to flatter it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kit._scoring import compare
from kit._scoring.compare import Scored
from kit.submission import Split


@dataclass(frozen=True)
class Growth:
    """How much more a team gained on the public split than on the private one.

    Far above its standard error, its submissions fit the public labels and not the question. Somewhat
    above 0 is usual: the best of many is partly the luckiest.
    """

    growth: float
    se: float


def growth(first: Mapping[Split, Scored], best: Mapping[Split, Scored], *, greater_is_better: bool) -> Growth:
    """Gain from a team's first submission to its best public one: public minus private.

    Paired on each split by the influences; the splits are independent.

    Raises
    ------
    ValueError
        The two were judged under different versions of the question.
    """
    found = {split: compare(best[split], first[split]) for split in Split}
    more = found[Split.PUBLIC].difference - found[Split.PRIVATE].difference
    se = math.hypot(found[Split.PUBLIC].se, found[Split.PRIVATE].se)
    return Growth(more if greater_is_better else -more, se)
