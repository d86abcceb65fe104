"""From a Parquet file to columns: what its pages would take is added up before any page is decoded."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from kit.predictions._columns import Columns
from kit.predictions._expected import Expected
from kit.predictions._pages import Page, PageError, pages
from kit.predictions._problems import (
    MAX_CHARACTERS,
    check_n_rows,
    counted,
    find_columns,
    named,
    refuse,
    shown,
    size,
)

MAX_PAGES = 100_000
_DAMAGED = "the Parquet file is damaged or truncated; write and send it again"
_FAILURES = (pa.ArrowException, ValueError, TypeError, KeyError, IndexError, OSError, OverflowError)


def read_parquet(data: bytes | bytearray, expected: Expected) -> Columns:
    """The expected columns of a Parquet file."""
    try:
        file = _open(data, [])
        names = list(file.schema_arrow.names)
        paths = [file.metadata.schema.column(i).path for i in range(file.metadata.num_columns)]
    except _FAILURES:
        refuse(expected, _DAMAGED)
    places, problems = find_columns(names, expected)
    n_rows = file.metadata.num_rows
    check_n_rows(n_rows, expected)
    if len(set(names)) < len(names) or not places:
        refuse(expected, *problems)
    odd = [name for name in places if _is_odd(file.schema_arrow.field(name).type) or name not in paths]
    if odd:
        text = counted(len(odd), "column holds", "columns hold")
        kinds = (
            f"{shown(name)} ({str(file.schema_arrow.field(name).type)[:MAX_CHARACTERS]})" for name in odd
        )
        refuse(
            expected, *problems, f"{text} no plain values: {named(kinds)}; write one number or label a cell"
        )
    _check_pages(data, file.metadata, {name: paths.index(name) for name in places}, expected)
    table = _read(data, list(places), expected)
    return Columns({name: table.column(name) for name in places}, n_rows, problems)


def _open(data: bytes | bytearray, dictionaries: list[str]) -> pq.ParquetFile:
    # Extension types are not made: their deserializers are code that a file chooses.
    return pq.ParquetFile(
        pa.BufferReader(data), read_dictionary=dictionaries, pre_buffer=False, arrow_extensions_enabled=False
    )


def _check_pages(
    data: bytes | bytearray, metadata: pq.FileMetaData, places: dict[str, int], expected: Expected
) -> None:
    """Refuse before reading what would take more memory than its size lets expect."""
    n_group_rows = n_pages = n_bytes = 0
    try:
        for group in (metadata.row_group(i) for i in range(metadata.num_row_groups)):
            n_group_rows += group.num_rows
            for chunk in (group.column(place) for place in places.values()):
                n_values = 0
                for page in pages(data, chunk):
                    n_pages += 1
                    n_values += page.n_values
                    n_bytes += page.uncompressed_bytes
                    _check_budget(n_pages, n_bytes, page, expected)
                if not chunk.num_values == group.num_rows == n_values:
                    refuse(expected, _DAMAGED)
    except (PageError, *_FAILURES):
        refuse(expected, _DAMAGED)
    if n_group_rows != metadata.num_rows:
        refuse(expected, _DAMAGED)


def _check_budget(n_pages: int, n_bytes: int, page: Page, expected: Expected) -> None:
    if n_bytes > expected.max_bytes:
        limit = size(expected.max_bytes)
        refuse(expected, f"the Parquet file decompresses to more than the limit of {limit}")
    if n_pages > MAX_PAGES:
        refuse(expected, f"the Parquet file has more than {MAX_PAGES} pages; write larger ones")
    if page.is_front_coded:
        refuse(expected, "the Parquet file uses the encoding DELTA_BYTE_ARRAY; write it without")


def _read(data: bytes | bytearray, names: list[str], expected: Expected) -> pa.Table:
    try:
        schema = _open(data, []).schema_arrow
        # Texts stay a dictionary until their decoded size is known.
        texts = [name for name in names if _is_text(schema.field(name).type)]
        table = _open(data, texts).read(columns=names, use_pandas_metadata=False)
        table.validate(full=True)
    except (*_FAILURES, MemoryError):
        refuse(expected, _DAMAGED)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def _is_odd(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind))
