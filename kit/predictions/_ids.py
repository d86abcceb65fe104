"""Ids as they are compared and as they are shown; integers by value, text as it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kit.metrics import Array
from kit.predictions._expected import Expected
from kit.predictions._problems import shown

_PLAIN_INTEGER = "^-?[0-9]{1,18}$"
_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,40})(?:\.0*)?\s*", re.ASCII)
_MAX_EXACT_FLOAT = 2.0**53


@dataclass(frozen=True)
class Ids:
    """The ids of a file, row by row.

    Parameters
    ----------
    given : Array of int64 or large_string
        To be compared with the expected ids; null where a row's id can equal none.
    written : Array
        As they stand in the source, for messages.
    is_blank, is_inexact : ndarray of bool
        Rows without an id, and rows whose id is a float beyond 2**53, which may have been another id.
    """

    given: pa.Array
    written: pa.Array
    is_blank: Array
    is_inexact: Array

    def show(self, row: int) -> str:
        """The id in a row: as a number where it is one, else as it is written."""
        value = self.given[row].as_py()
        return shown(self.written[row].as_py() if value is None else value)

    def label(self, row: int) -> str:
        """``id 7``, or ``row 3`` where it has none."""
        return f"row {row + 1}" if self.is_blank[row] else f"id {self.show(row)}"


def read_ids(column: pa.Array, expected: Expected) -> Ids:
    """The ids in a plain column."""
    is_inexact = np.zeros(len(column), dtype=bool)
    if not _are_integers(expected):
        given = _as_text(column)
    elif pa.types.is_float64(column.type):
        floats = column.to_numpy(zero_copy_only=False)
        is_inexact = np.isfinite(floats) & (np.abs(floats) >= _MAX_EXACT_FLOAT)
        is_whole = np.isfinite(floats) & ~is_inexact & (np.floor(floats) == floats)
        given = pa.array(np.where(is_whole, floats, 0).astype(np.int64), mask=~is_whole)
    elif pa.types.is_large_string(column.type):
        given = _integers(column)
    else:
        given = column if pa.types.is_int64(column.type) else pa.nulls(len(column), pa.int64())
    return Ids(given, column, _is_blank(column), is_inexact)


def _are_integers(expected: Expected) -> bool:
    return expected.ids.dtype.kind == "i"


def _is_blank(column: pa.Array) -> Array:
    if column.null_count == 0 and pa.types.is_int64(column.type):
        return np.zeros(len(column), dtype=bool)
    blank = column.is_null(nan_is_null=True)
    if pa.types.is_large_string(column.type):
        blank = pc.or_(blank, pc.equal(column, "").fill_null(False))
    return np.asarray(blank.to_numpy(zero_copy_only=False))


def _as_text(column: pa.Array) -> pa.Array:
    """As Python spells it: 5 is '5', 5.0 is '5.0', True is 'True'."""
    if pa.types.is_large_string(column.type):
        return column
    if pa.types.is_int64(column.type):
        return column.cast(pa.large_string())
    return pa.array([None if v is None or v != v else str(v) for v in column.to_pylist()], pa.large_string())


def _integers(column: pa.Array) -> pa.Array:
    """The integers that texts spell, null for none; only unusual spellings are looked at one by one."""
    is_plain = pc.match_substring_regex(column, _PLAIN_INTEGER).fill_null(False)
    quick = pc.if_else(is_plain, column, pa.scalar(None, pa.large_string())).cast(pa.int64())
    if quick.null_count == 0:
        return quick
    rows = np.flatnonzero(~is_plain.to_numpy(zero_copy_only=False))
    slow = pa.array([_integer(text) for text in column.take(pa.array(rows)).to_pylist()], pa.int64())
    return pc.replace_with_mask(quick, pc.invert(is_plain), slow)


def _integer(text: str | None) -> int | None:
    """The integer an id spells, leading zeros and a trailing '.0' set aside; None where it spells none."""
    match = _INTEGER.fullmatch(text) if text else None
    value = int(match[1]) if match else None
    return value if value is not None and -(2**63) <= value < 2**63 else None
