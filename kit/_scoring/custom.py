"""Errors of a metric that is a black box: a function of chosen rows, evaluated a few more times."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from kit._scoring.blocks import Blocks
from kit._scoring.estimate import LEVEL, Estimate, Range, from_influences, influences_of, linear_resamples
from kit.metrics import Array

OnRows = Callable[[Array], float]
"""The metric on rows given by their numbers; NaN where it is undefined."""

MOST_BLOCKS, FEWEST_BLOCKS = 64, 16
BATCHES = 32


def black_box(
    on_rows: OnRows, blocks: Blocks, *, span: Range | None = None, level: float = LEVEL, budget_s: float = 0.5
) -> Estimate:
    """Score and error of a metric known only by its values.

    Leaves out each of as many blocks as the budget allows, 16 to 64 (whole groups of blocks: single
    rows would give a wrong error for medians and the like). Where the budget allows fewer, the metric
    is evaluated on 32 batches, which together take as long as one evaluation more; so it is in the end
    where leaving out was slower than hoped.
    """
    rows = np.arange(len(blocks.of_row))
    starts_at = time.perf_counter()
    score = on_rows(rows)
    lasted_s = max(time.perf_counter() - starts_at, 1e-6)
    n_blocks = min(MOST_BLOCKS, blocks.n_blocks, int(budget_s / lasted_s))
    if n_blocks >= min(FEWEST_BLOCKS, blocks.n_blocks):
        few = blocks.merged(n_blocks)
        without = _each(on_rows, few, is_left_out=True)
        influences, method = influences_of(score, without), f"jackknife of {few.n_blocks} blocks"
    else:
        few = blocks.merged(BATCHES)
        without = _each(on_rows, few, is_left_out=False)
        influences, method = _of_batches(without), f"batch means of {few.n_blocks} blocks"
    n_undefined = int(np.count_nonzero(~np.isfinite(without)))
    warning = f"The metric is undefined on {n_undefined} of {len(without)} parts." if n_undefined else ""
    return from_influences(
        score,
        influences,
        span or Range(is_known=False),
        level=level,
        resampled=linear_resamples(score, influences, few),
        method=method,
        warning=warning,
    )


def _each(on_rows: OnRows, blocks: Blocks, *, is_left_out: bool) -> Array:
    """By block, the metric without it or on it alone; one in another process takes all blocks at once."""
    if (by_block := getattr(on_rows, "by_block", None)) is not None:
        found: Array = by_block(blocks.of_row, blocks.n_blocks, is_left_out=is_left_out)
        return found
    rows = np.arange(len(blocks.of_row))
    parts = ((blocks.of_row == block) != is_left_out for block in range(blocks.n_blocks))
    return np.array([on_rows(rows[part]) for part in parts])


def _of_batches(scores: Array) -> Array:
    """Each batch's distance from their mean; the mean stands in for an undefined one."""
    defined = scores[np.isfinite(scores)]
    centre = float(defined.mean()) if len(defined) else 0.0
    return np.where(np.isfinite(scores), scores, centre) - centre
