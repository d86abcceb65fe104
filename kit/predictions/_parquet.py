"""From a Parquet file to columns: what its pages would take is added up before any page is decoded."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.parquet as pq

from kit.predictions._columns import Columns
from kit.predictions._expected import Expected
from kit.predictions._pages import Page, PageError, pages, row_groups
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

_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
MAX_PAGES = 100_000
MAX_FIXED_BYTES = 32
_DAMAGED = "the Parquet file is damaged or truncated; write and send it again"
_FAILURES = (pa.ArrowException, ValueError, TypeError, KeyError, IndexError, OSError, OverflowError)


def read_parquet(data: bytes | bytearray, expected: Expected) -> Columns:
    """The expected columns of a Parquet file."""
    try:
        file = _open(data, [])
        names = list(file.schema_arrow.names)
        leaves = [file.metadata.schema.column(i) for i in range(file.metadata.num_columns)]
        paths = [leaf.path for leaf in leaves]
    except _FAILURES:
        refuse(expected, _DAMAGED)
    # A frame's unnamed index, which pandas writes too: as a DataFrame, nobody would look at it.
    given = [n for n in names if not (expected.id_column in names and _UNNAMED_INDEX.fullmatch(n))]
    places, problems = find_columns(given, expected)
    check_n_rows(file.metadata.num_rows, expected)
    if len(set(names)) < len(names) or len(set(paths)) < len(paths) or not places:
        refuse(expected, *(problems or [_DAMAGED]))
    if odd := [name for name in places if _is_odd(name, leaves)]:
        text = counted(len(odd), "column holds", "columns hold")
        kinds = (
            f"{shown(name)} ({str(file.schema_arrow.field(name).type)[:MAX_CHARACTERS]})" for name in odd
        )
        refuse(
            expected, *problems, f"{text} no plain values: {named(kinds)}; write one number or label a cell"
        )
    _check_pages(data, file, [paths.index(name) for name in places], expected)
    texts = [name for name in places if leaves[paths.index(name)].physical_type == "BYTE_ARRAY"]
    table = _read(data, list(places), texts, expected)
    return Columns({name: table.column(name) for name in places}, table.num_rows, problems)


def _is_odd(name: str, leaves: list[pq.ColumnSchema]) -> bool:
    # pyarrow reads the column 'n.x' too where it is asked for 'n', so there may be none.
    if any(leaf.path.startswith(f"{name}.") for leaf in leaves):
        return True
    leaf = next(leaf for leaf in leaves if leaf.path == name)
    is_wide = leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" and leaf.length > MAX_FIXED_BYTES
    return bool(is_wide or leaf.max_repetition_level > 0)


def _open(data: bytes | bytearray, dictionaries: list[str]) -> pq.ParquetFile:
    # Extension types are not made: their deserializers are code that a file chooses.
    return pq.ParquetFile(
        pa.BufferReader(data), read_dictionary=dictionaries, pre_buffer=False, arrow_extensions_enabled=False
    )


def _check_pages(
    data: bytes | bytearray, file: pq.ParquetFile, places: list[int], expected: Expected
) -> None:
    """Refuse before reading what would take more memory than its size lets expect."""
    n_group_rows = n_pages = n_bytes = 0
    try:
        for group in row_groups(data):
            n_group_rows += group.n_rows
            for chunk in (group.chunks[place] for place in places):
                n_values = 0
                for page in pages(data, chunk):
                    n_pages += 1
                    n_values += page.n_values
                    n_bytes += page.uncompressed_bytes
                    _check_budget(n_pages, n_bytes, page, expected)
                if not chunk.n_values == group.n_rows == n_values:
                    refuse(expected, _DAMAGED)
            if len(group.chunks) != file.metadata.num_columns:
                refuse(expected, _DAMAGED)
    except (PageError, IndexError):
        refuse(expected, _DAMAGED)
    if n_group_rows != file.metadata.num_rows:
        refuse(expected, _DAMAGED)


def _check_budget(n_pages: int, n_bytes: int, page: Page, expected: Expected) -> None:
    if n_bytes > expected.max_bytes:
        limit = size(expected.max_bytes)
        refuse(expected, f"the Parquet file decompresses to more than the limit of {limit}")
    if n_pages > MAX_PAGES:
        refuse(expected, f"the Parquet file has more than {MAX_PAGES} pages; write larger ones")
    if page.is_front_coded:
        refuse(expected, "the Parquet file uses the encoding DELTA_BYTE_ARRAY; write it without")


def _read(data: bytes | bytearray, names: list[str], texts: list[str], expected: Expected) -> pa.Table:
    try:
        # Texts stay a dictionary until their decoded size is known.
        file = _open(data, texts)
        if not all(pa.types.is_dictionary(file.schema_arrow.field(name).type) for name in texts):
            refuse(expected, _DAMAGED)
        table = file.read(columns=names, use_pandas_metadata=False)
        table.validate(full=True)
    except (*_FAILURES, MemoryError):
        refuse(expected, _DAMAGED)
    if table.num_rows != file.metadata.num_rows:
        refuse(expected, _DAMAGED)
    return table
