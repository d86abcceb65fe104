"""From plain columns to checked numbers, distributions and class codes, in the order of the file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kit.metrics import Array, Domain
from kit.predictions._expected import Expected
from kit.predictions._problems import Findings, shown

SUM_TOLERANCE = 1e-2
N_CLASSES_NAMED = 10
N_TABLE = 1000
_RANGES = {
    Domain.PROBABILITY: (0.0, 1.0, "outside [0, 1]"),
    Domain.DISTRIBUTION: (0.0, 1.0, "outside [0, 1]"),
    Domain.NON_NEGATIVE: (0.0, math.inf, "below 0"),
}
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
_PLAIN_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = re.compile(r"\s*[+-]?(nan|inf|infinity)\s*", re.ASCII | re.IGNORECASE)
Arrays = Mapping[str, pa.Array]


def numbers(columns: Arrays, expected: Expected, found: Findings) -> Array:
    """Finite numbers in the range of the domain, shape (n_columns, n_rows); of one column maybe a view."""
    values = np.empty((len(columns), _n_rows(columns) if len(columns) != 1 else 0))
    low, high, outside = _RANGES.get(expected.domain, (-math.inf, math.inf, ""))
    for i, (name, column) in enumerate(columns.items()):
        floats = _floats(column)
        if len(columns) == 1:
            values = floats[None, :]
        else:
            values[i] = floats
        if _are_within(floats, low, high):
            continue
        is_finite = np.isfinite(floats)
        is_outside = is_finite & ((floats < low) | (floats > high))
        where = _where(name, expected)
        one, many = f"value is not a finite number{where}", f"values are not finite numbers{where}"
        found.add_values(~is_finite, one, many, partial(_cell, column))
        one, many = f"value {outside}{where}", f"values {outside}{where}"
        found.add_values(is_outside, one, many, partial(_cell, pa.array(floats)))
    return values


def distribution(columns: Arrays, expected: Expected, found: Findings) -> Array:
    """Probabilities whose rows sum to 1: those off by no more than 0.01 are divided by their sum."""
    values = numbers(columns, expected, found)
    if len(columns) < len(expected.columns):
        return values
    is_valid = ((values >= 0) & (values <= 1)).all(axis=0)
    sums = np.where(is_valid, values, 1 / len(values)).sum(axis=0)
    off = np.abs(sums - 1.0)
    one, many = "row does not sum to 1", "rows do not sum to 1"
    found.add_values(is_valid & (off > SUM_TOLERANCE), one, many, lambda row: f"{sums[row]:.6g}")
    _normalize(values, sums, off)
    return values


def _codes(column: pa.Array, code_of: Callable[[str | None], int]) -> Array:
    """Each value's code; a spelling is looked at once, however often it comes."""
    if pa.types.is_int64(column.type) and len(column) > column.null_count == 0:
        numbers = column.to_numpy()
        low, high = int(numbers.min()), int(numbers.max())
        if high - low < N_TABLE:
            of_number = np.array([code_of(str(n)) for n in range(low, high + 1)])
            return np.asarray(of_number.take(numbers - low))
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = [None if value is None else str(value) for value in encoded.dictionary.to_pylist()]
    indices = encoded.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(texts))
    of_text = np.array([code_of(text) for text in (*texts, None)], dtype=np.int64)
    return np.asarray(of_text.take(indices.to_numpy(zero_copy_only=False)))


def settle(values: Array, expected: Expected) -> bool:
    """Whether finite numbers and codes are as `numbers`, `distribution` and `labels` let pass.

    Distributions are divided by their sums where they pass.
    """
    if expected.domain is Domain.LABEL:
        return True
    low, high, _ = _RANGES.get(expected.domain, (-math.inf, math.inf, ""))
    if not all(_are_within(row, low, high) for row in values):
        return False
    if expected.domain is Domain.DISTRIBUTION:
        sums = values.sum(axis=0)
        off = np.abs(sums - 1.0)
        if (off > SUM_TOLERANCE).any():
            return False
        _normalize(values, sums, off)
    return True


def _normalize(values: Array, sums: Array, off: Array) -> None:
    # Rows that are 1 but for rounding stay as they are, so that reading twice changes nothing.
    is_off = (off > 4 * len(values) * np.finfo(float).eps) & (off <= SUM_TOLERANCE)
    np.divide(values, sums, out=values, where=is_off)


def labels(columns: Arrays, expected: Expected, found: Findings) -> Array:
    """Codes 0..K-1 of the classes, shape (n_columns, n_rows)."""
    code_of = _reader_of_classes(expected.classes)
    codes = np.empty((len(columns), _n_rows(columns)), dtype=np.int64)
    for i, (name, column) in enumerate(columns.items()):
        codes[i] = _codes(column, code_of)
        where = _where(name, expected)
        one, many = f"value is no known class{where}", f"values are no known class{where}"
        found.add_values(codes[i] < 0, one, many, partial(_cell, column), way_out=_known(expected.classes))
    return codes


def _are_within(floats: Array, low: float, high: float) -> bool:
    """Whether all are finite and in the range: two quick passes, which serve nearly every file."""
    if len(floats) == 0:
        return True
    least, most = float(floats.min()), float(floats.max())
    return math.isfinite(least) and math.isfinite(most) and low <= least and most <= high


def _n_rows(columns: Arrays) -> int:
    return max((len(column) for column in columns.values()), default=0)


def _where(name: str, expected: Expected) -> str:
    return f" in column {shown(name)}" if len(expected.columns) > 1 else ""


def _floats(column: pa.Array) -> Array:
    """The numbers of a plain column, NaN for what is none; only unusual texts are looked at one by one."""
    if pa.types.is_large_string(column.type):
        is_plain = pc.match_substring_regex(column, _PLAIN_NUMBER).fill_null(False)
        quick = pc.if_else(is_plain, column, pa.scalar(None, pa.large_string())).cast(pa.float64())
        floats = np.array(quick.to_numpy(zero_copy_only=False))
        rows = np.flatnonzero(~is_plain.to_numpy(zero_copy_only=False))
        floats[rows] = [_number(text) for text in column.take(pa.array(rows)).to_pylist()]
        return floats
    if pa.types.is_boolean(column.type):
        return np.full(len(column), np.nan)
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _number(text: str | None) -> float:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else math.nan


def _cell(column: pa.Array, row: int) -> str:
    """A cell as shown; text that spells NaN or infinity as that number is shown."""
    value = column[row].as_py()
    if isinstance(value, str) and _NOT_FINITE.fullmatch(value):
        return shown(float(value))
    return shown(value)


def _known(classes: tuple[str, ...]) -> str:
    more = ", …" if len(classes) > N_CLASSES_NAMED else ""
    return f"; the classes are {', '.join(map(shown, classes[:N_CLASSES_NAMED]))}{more}"


def _reader_of_classes(classes: tuple[str, ...]) -> Callable[[str | None], int]:
    """A function from text to class code, -1 where it is no class.

    Exact text comes first. Else spaces around it are set aside; numbers compare as numbers (1, 1.0 and
    "1" are one class); true and false in any case; and where the classes are 0 and 1, or true and
    false, each pair stands for the other.
    """
    exact = {name: code for code, name in enumerate(classes)}
    spellings = [_spelling(name) for name in classes]
    loose = {spelling: code for code, spelling in enumerate(spellings) if spellings.count(spelling) == 1}
    for zero, one, other_zero, other_one in (("0", "1", "false", "true"), ("false", "true", "0", "1")):
        if set(spellings) == {zero, one}:
            loose |= {other_zero: loose[zero], other_one: loose[one]}

    def code_of(text: str | None) -> int:
        if text is None:
            return -1
        return exact[text] if text in exact else loose.get(_spelling(text), -1)

    return code_of


def _spelling(text: str) -> str:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        if re.fullmatch(r"[+-]?[0-9]{1,40}", text, re.ASCII):
            return str(int(text))
        return str(int(value)) if value.is_integer() and abs(value) < 2.0**53 else repr(value)
    return text.lower() if text.lower() in ("true", "false") else text
