"""The quick way of a plain CSV file: read by a compiled pass, in a process that is there to stay.

It takes a file only where the general reader would find nothing wrong, and gives the same values to the
last bit; every other file is the general reader's, who finds the words. Compiling takes a second or two,
so only a worker does it, and only when a large file comes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from kit.metrics import Array, Domain
from kit.predictions._expected import Expected

MAX_CLASSES = 64
MAX_HEADER_BYTES = 1 << 16
PIECE_BYTES = 1 << 20
MORE_BYTES = 8
MAX_THREADS = 4

Parse = Callable[[Array, int, Array, Array, Array, Array], int]
_compiled: list[Parse] = []


def compile_reader() -> bool:
    """Compile the quick reader for this process; whether it is there, which takes numba."""
    if _compiled or sys.byteorder != "little":
        return bool(_compiled)
    try:
        from kit.predictions import _decimals, _kernel
    except ImportError:
        return False
    powers = _decimals.powers_of_five()

    def parse(text: Array, end: int, classes: Array, ends: Array, ids: Array, values: Array) -> int:
        words = np.ndarray((len(text) - 7,), np.dtype("<u8"), text.data, strides=(1,))
        return int(_kernel.parse(text, words, end, classes, ends, ids, values.view(np.uint64), *powers))

    _compiled.append(parse)
    expected = Expected("", "id", np.array([0]), ("n",), Domain.REAL)
    return read_plain(b"id,n\n0,0.1\n", expected) is not None


def read_plain(data: bytes, expected: Expected) -> Array | None:
    """Values of shape (n_columns, n_ids) in the order of ``expected.ids``; None where the file is not plain.

    Numbers are finite, and codes are of classes; ranges are not looked at.
    """
    if not _compiled or not data.endswith(b"\n") or len(expected.classes) > MAX_CLASSES:
        return None
    rows = _rows_of_fields(data, expected)
    if rows is None or not expected.index.is_integer:
        return None
    shape = len(expected.columns), len(expected.ids)
    is_label = expected.domain is Domain.LABEL
    values = np.full(shape, -1) if is_label else np.full(shape, np.nan)
    if _fill(values, rows, data, expected) != len(expected.ids):
        return None
    # As many lines as ids, and a value for each id: so each came once.
    is_full = values.min() >= 0 if is_label else not np.isnan(values.min())
    return values if is_full else None


def _rows_of_fields(data: bytes, expected: Expected) -> list[int] | None:
    """Which row of values each field after the id is, if the header holds the ids first and nothing else."""
    end = data.find(b"\n", 0, MAX_HEADER_BYTES)
    try:
        names = data[: max(end, 0)].removesuffix(b"\r").decode().split(",")
    except UnicodeDecodeError:
        return None
    if names[0] != expected.id_column or sorted(names) != sorted(expected.header):
        return None
    return [expected.columns.index(name) for name in names[1:]]


def _fill(values: Array, rows: list[int], data: bytes, expected: Expected) -> int:
    """Read all lines into their places; how many, -1 where one is unusual or its id unknown."""
    text, (classes, ends) = np.frombuffer(data, np.uint8), _written(expected)

    def read(piece: tuple[int, int]) -> int:
        start, end = piece
        # A line has at least a digit, its commas and its end; the last may be broken off.
        most = (end - start) // (len(rows) + 2) + 1
        ids, fields = np.empty(most, np.int64), np.empty((len(rows), most), values.dtype)
        n_lines = _compiled[0](_with_more(text, start, end), end - start, classes, ends, ids, fields)
        places = expected.index.places_of_integers(ids[: max(n_lines, 0)])
        if n_lines < 0 or (n_lines and int(places.min()) < 0):
            return -1
        for row, field in zip(rows, fields, strict=True):
            values[row][places] = field[:n_lines]
        return n_lines

    n_read = 0
    for n_lines in _each(read, _pieces(data)):
        if n_lines < 0:
            return -1
        n_read += n_lines
    return n_read


def _with_more(text: Array, start: int, end: int) -> Array:
    """The bytes between two places and eight more, which the parser looks at and does not use."""
    more = text[start : end + MORE_BYTES]
    return (
        more
        if len(more) == end - start + MORE_BYTES
        else np.append(text[start:end], np.zeros(MORE_BYTES, np.uint8))
    )


def _written(expected: Expected) -> tuple[Array, Array]:
    """The classes as bytes, one after another, and where each ends; none where values are numbers."""
    names = [name.encode() for name in expected.classes] if expected.domain is Domain.LABEL else []
    return np.frombuffer(b"".join(names), np.uint8), np.cumsum([len(name) for name in names], dtype=np.int64)


def _pieces(data: bytes) -> list[tuple[int, int]]:
    """Where pieces of whole lines start and end; none where a line is as long as a piece."""
    cuts = [data.index(b"\n") + 1]
    while cuts[-1] < len(data):
        cut = min(cuts[-1] + PIECE_BYTES, len(data))
        cuts.append(data.rindex(b"\n", cuts[-1] - 1, cut) + 1)
        if cuts[-1] == cuts[-2]:
            return []
    return list(pairwise(cuts))


def _each(read: Callable[[tuple[int, int]], int], pieces: list[tuple[int, int]]) -> Iterator[int]:
    n_threads = min(MAX_THREADS, os.cpu_count() or 1, len(pieces))
    if n_threads < 2:
        yield from map(read, pieces)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            yield from pool.map(read, pieces)
        finally:
            pool.shutdown(cancel_futures=True)
