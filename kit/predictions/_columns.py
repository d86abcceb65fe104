"""Columns of any source as four plain Arrow types: int64, float64, bool and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MANY_CHUNKS = 100


@dataclass(frozen=True)
class Columns:
    """The expected columns that a source has, unconverted, and what is wrong with its other columns."""

    by_name: Mapping[str, pa.Array | pa.ChunkedArray]
    n_rows: int
    problems: Sequence[str] = field(default_factory=tuple)


class TooLarge(Exception):
    """A column would decode to more bytes than allowed."""


def plain(column: Any, max_bytes: int, *, encoded: bool = False) -> pa.Array:
    """A column as one array of int64, float64, bool or large_string, or a dictionary of large_string.

    Numbers that are not exact as int64 or float64, and all else, become text, for messages to show.

    Parameters
    ----------
    encoded : bool
        Leave a dictionary of texts as it is.
    """
    if not isinstance(column, pa.ChunkedArray):
        column = pa.chunked_array([column])
    if isinstance(column.type, pa.BaseExtensionType):
        storage = column.type.storage_type
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], type=storage)
    if pa.types.is_dictionary(column.type):
        if sum(_decoded_bytes(chunk, max_bytes) for chunk in column.chunks) > max_bytes:
            raise TooLarge
        if encoded and column.type.value_type in (pa.string(), pa.large_string()):
            return column.unify_dictionaries().combine_chunks()
        column = column.cast(column.type.value_type)
    converted = _converted(column)
    return converted.combine_chunks() if isinstance(converted, pa.ChunkedArray) else converted


def _converted(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    kind = column.type
    if pa.types.is_boolean(kind) or kind in (pa.int64(), pa.float64(), pa.large_string()):
        return column
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    try:
        if pa.types.is_integer(kind):
            return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.large_string())
    if pa.types.is_nested(kind):
        return _described(column)
    try:
        return column.cast(pa.large_string())
    except (pa.ArrowException, ValueError, OSError):
        return _described(column)


def _described(column: pa.ChunkedArray) -> pa.Array:
    text = pa.scalar(f"<{column.type}>", pa.large_string())
    blank = pa.scalar(None, pa.large_string())
    return pc.if_else(column.is_null(), blank, text).combine_chunks()


def _decoded_bytes(chunk: pa.DictionaryArray, max_bytes: int) -> int:
    """What the values would take, written out: few bytes of dictionary can stand for terabytes."""
    if chunk.dictionary.type not in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return 8 * len(chunk)
    lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
    most = (int(pc.max(lengths).as_py() or 0) + 8) * len(chunk)
    if most <= max_bytes // MANY_CHUNKS:
        return most
    return int(pc.sum(lengths.take(chunk.indices)).as_py() or 0) + 8 * len(chunk)
