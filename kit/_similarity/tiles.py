"""Runs of tokens that two texts share, in whatever order they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple


class Tile(NamedTuple):
    """A run that begins at these places and is so long."""

    first: int
    second: int
    n: int


Places = Mapping[int, Sequence[int]]
"""Where runs of one length begin, by the hash of the run."""
_MOST_STARTS = 16
END = "\n"
"""The word that no run goes across: the end of a file."""


def places_of(words: Sequence[str], length: int) -> Places:
    """Where each run of that length begins."""
    places: dict[int, list[int]] = {}
    for place in range(len(words) - length + 1):
        run = tuple(words[place : place + length])
        if END not in run:
            places.setdefault(hash(run), []).append(place)
    return places


def covered(words: Sequence[str], runs: Set[int], length: int) -> list[bool]:
    """Which words lie in one of the runs of that length, given by their hashes."""
    is_covered = [False] * len(words)
    for run, places in places_of(words, length).items():
        for place in places if run in runs else ():
            is_covered[place : place + length] = [True] * length
    return is_covered


def tile(first: Sequence[str], second: Sequence[str], runs: Places, of_second: Places) -> list[Tile]:
    """The longest runs that both hold, each place of the first in one at most.

    References
    ----------
    .. [1] M. J. Wise, String similarity via greedy string tiling and running Karp-Rabin matching,
       University of Sydney (1993).
    """
    starts = sorted(place for run in runs.keys() & of_second.keys() for place in runs[run])
    begins = {place: of_second[run] for run in runs.keys() & of_second.keys() for place in runs[run]}
    tiles, end = [], 0
    for place in starts:
        if place < end:
            continue
        candidates = begins[place][:_MOST_STARTS]  # a run that is everywhere is nobody's
        found = max((Tile(place, at, _run(first, second, place, at)) for at in candidates), key=_length)
        tiles.append(found)
        end = place + found.n
    return tiles


def _length(found: Tile) -> int:
    return found.n


def _run(first: Sequence[str], second: Sequence[str], a: int, b: int) -> int:
    n = 0
    while a + n < len(first) and b + n < len(second) and first[a + n] == second[b + n] != END:
        n += 1
    return n
