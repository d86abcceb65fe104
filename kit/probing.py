"""Signs that a series of submissions reads labels off the leaderboard, with their evidence. Pure.

It flags and never punishes: honest series are flagged too, though rarely (benchmarks/leaks.py). Of a
submission only a `Sketch` is needed, so that files are not read again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from kit.metrics import Array

N_HASHES = 1024
_CHUNK = 32 * N_HASHES
NEAR_CONSTANT = 0.98
"""A column is near-constant where so large a share of its rows, but not all, holds one value: a constant one
tells no row from another."""
FEW_SHARE = 0.005
FEW_ROWS = 20
"""So many rows are few, and so are FEW_SHARE of all."""
OFTEN = 5
"""A sign that is seen less often in a series is none."""
Sign = Literal["near-constant", "few rows", "sweep", "budget"]
BITS_OF_A_NORMAL = 0.5 * math.log2(2 * math.pi * math.e)


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is kept of a submission's predictions: enough to tell how many rows differ from another's.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (1024,)
        Of the rows 0, 1024, …; of 1, 1025, …; and so on.
    n_off : mapping of str to int
        By column, how many rows do not hold its commonest value; None where these are many.
    """

    n_rows: int
    hashes: Array
    n_off: Mapping[str, int | None] = field(default_factory=dict)
    are_labels: bool = False
    """Whether these are class codes and one class holds most rows, so that honest files nearly agree."""

    def near_constant(self) -> dict[str, int]:
        """Columns that are near-constant, with how many rows are not; none where honest ones are too."""
        if self.are_labels:
            return {}
        most = (1.0 - NEAR_CONSTANT) * self.n_rows
        return {name: n for name, n in self.n_off.items() if n is not None and 0 < n <= most}


@dataclass(frozen=True)
class Told:
    """A scored submission and how exactly its team learned its score: ``se`` and ``grain`` of it."""

    submission: int
    sketch: Sketch | None
    se: float
    grain: float
    is_told: bool = True
    """False where a ladder did not move."""
    is_seen: bool = True
    """False where nothing was shown at all, in a hidden or a frozen phase."""


@dataclass(frozen=True)
class Flag:
    """A sign of probing, in words, and the submissions that show it."""

    sign: Sign
    evidence: str
    submissions: tuple[int, ...]


@dataclass(frozen=True)
class Probing:
    """What a team's series of submissions looks like."""

    flags: tuple[Flag, ...]
    bits: float
    """At most so much can the scores that were shown have told of the labels."""
    worth: float
    """By so many standard errors at most, in the mean, do that many bits lift a score."""


def sketch(predictions: pd.DataFrame, *, are_labels: bool = False) -> Sketch:
    """The sketch of aligned predictions: of numbers or class codes, in the truth's order.

    Examples
    --------
    >>> a, b = (sketch(pd.DataFrame({"p": [0.5, 0.5, x]})) for x in (0.5, 0.9))
    >>> n_different(a, b), b.n_off
    (1, {'p': 1})
    """
    n = len(predictions)
    hashes = np.zeros(N_HASHES, dtype=np.uint64)
    columns = [np.ascontiguousarray(predictions[name].to_numpy(), dtype=np.float64) for name in predictions]
    for start in range(0, n, _CHUNK):
        mixed = _mixed_rows(start)[: n - start].copy()
        for column in columns:
            mixed ^= column[start : start + _CHUNK].view(np.uint64)
            _mix(mixed)
        mixed.resize(-(-len(mixed) // N_HASHES) * N_HASHES, refcheck=False)
        hashes += mixed.reshape(-1, N_HASHES).sum(axis=0, dtype=np.uint64)
    off = {str(name): _n_off(column) for name, column in zip(predictions, columns, strict=True)}
    return Sketch(n, hashes, off, are_labels)


@lru_cache(maxsize=64)
def _mixed_rows(start: int) -> Array:
    """Of row numbers, the same for all files: kept for the first two million."""
    rows = np.arange(start, start + _CHUNK, dtype=np.uint64)
    _mix(rows)
    return rows


def _mix(values: Array) -> None:
    """The finalizer of splitmix64, in place: each bit of the input changes half of the output's."""
    values += np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)


def _n_off(column: Array) -> int | None:
    if not len(column):
        return None
    # A value that nearly all rows hold is the commonest of any few.
    values, counts = np.unique(column[:: max(1, len(column) // 1000)], return_counts=True)
    n = int(np.count_nonzero(column != values[counts.argmax()]))
    return n if n <= 0.1 * len(column) or n <= FEW_ROWS else None


def n_different(a: Sketch, b: Sketch) -> int:
    """In about how many rows two submissions differ; exact for a few."""
    if a.n_rows != b.n_rows:
        return max(a.n_rows, b.n_rows)
    changed = int(np.count_nonzero(a.hashes != b.hashes))
    bins = min(N_HASHES, a.n_rows)
    if changed >= bins:
        return a.n_rows
    return min(a.n_rows, round(-bins * math.log1p(-changed / bins))) if bins < a.n_rows else changed


def probe(series: Sequence[Told], *, n_labels: int) -> Probing:
    """Look for signs of probing in a team's submissions, in their order.

    Parameters
    ----------
    n_labels : int
        Rows of the public split.
    """
    known = [(told.submission, told.sketch) for told in series if told.sketch is not None]
    found = [*_near_constant(known), *_few_rows(known)]
    bits = budget(series)
    if bits >= n_labels:
        evidence = f"The scores shown can have told {bits:.0f} bits; {n_labels} labels are public."
        found.append(Flag("budget", evidence, tuple(told.submission for told in series)))
    return Probing(tuple(found), bits, math.sqrt(2.0 * math.log(2.0) * bits))


def budget(series: Sequence[Told]) -> float:
    """Bits that a sequence of scores can have told: each the entropy of a normal score in its grains.

    Where nothing was told but that a score did not move, that is one bit. A file sent again tells nothing
    new: it has the score it had.
    """
    bits, known = 0.0, set()
    for told in series:
        key = told.submission if told.sketch is None else (told.sketch.n_rows, told.sketch.hashes.tobytes())
        if not told.is_seen or key in known:
            continue
        known.add(key)
        is_score = told.is_told and told.se > 0.0 and told.grain > 0.0
        bits += max(1.0, BITS_OF_A_NORMAL + math.log2(told.se / told.grain)) if is_score else 1.0
    return bits


def _near_constant(known: Sequence[tuple[int, Sketch]]) -> list[Flag]:
    columns = [(number, each, each.near_constant()) for number, each in known]
    flat = [(number, each, off) for number, each, off in columns if off and len(off) == len(each.n_off)]
    if len(flat) < OFTEN:
        return []
    few = ", ".join(f"{number}: {max(off.values())}" for number, _, off in flat[:OFTEN])
    evidence = f"{len(flat)} submissions hold one value in nearly all rows; rows that differ: {few}."
    flags = [Flag("near-constant", evidence, tuple(number for number, _, _ in flat))]
    steps = [
        (flat[i][0], n_different(flat[i - 1][1], flat[i][1]))
        for i in range(1, len(flat))
        if 0 < n_different(flat[i - 1][1], flat[i][1]) <= _few(flat[i][1])
    ]
    if len(steps) >= OFTEN:
        evidence = f"{len(steps)} near-constant submissions move a few rows each, one after another."
        flags.append(Flag("sweep", evidence, tuple(number for number, _ in steps)))
    return flags


def _few_rows(known: Sequence[tuple[int, Sketch]]) -> list[Flag]:
    steps = []
    for i in range(1, len(known)):
        number, now = known[i]
        nearest = min(range(i), key=lambda j: n_different(known[j][1], now))
        n = n_different(known[nearest][1], now)
        if 0 < n <= _few(now):
            steps.append((number, known[nearest][0], n))
    # Honest teams mend a few rows now and then; most of a series is something else.
    if len(steps) < max(OFTEN, len(known) / 4):
        return []
    told = "; ".join(f"{a} from {b} in {n}" for a, b, n in steps[:OFTEN])
    evidence = f"{len(steps)} of {len(known)} submissions differ from an earlier one in few rows: {told}."
    return [Flag("few rows", evidence, tuple(number for number, _, _ in steps))]


def _few(sketch: Sketch) -> int:
    n = sketch.n_rows
    # Of a small question few rows are a large share: never more than a tenth.
    few = min(max(FEW_ROWS, round(FEW_SHARE * n)), n // 10)
    if sketch.are_labels:
        # Models agree on nearly all rows where a class is rare: what counts are the rows of that class.
        few = min([few, *(off // 10 for off in sketch.n_off.values() if off is not None)])
    return max(1, few)
