"""From CSV text to columns: typed in one pass where all is well, as text where a message needs it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from kit.metrics import Domain
from kit.predictions._expected import Expected
from kit.predictions._problems import check_n_rows, counted, find_columns, named, refuse, shown

if TYPE_CHECKING:
    import pyarrow as pa

    from kit.predictions._columns import Columns

MAX_LINE_BYTES = 1 << 20
LARGE_BYTES = 1 << 26
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_csv(data: bytes | bytearray, expected: Expected) -> Columns:
    """Columns of a CSV file that is known to be UTF-8.

    Numbers that are all well are read as numbers; else every cell is read as text, so that messages
    can show what stands in the file.
    """
    from kit.predictions._columns import Columns

    start = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    start = re.compile(rb"[\r\n]*").match(data, start).end()  # type: ignore[union-attr]
    view = memoryview(data)[start:]
    names = _header(view, expected)
    places, problems = find_columns(names, expected)
    n_lines = max(_count(b"\n", view), _count(b"\r", view) if b"\r" in data else 0)
    if n_lines > expected.max_rows + 2:
        check_n_rows(n_lines - 1, expected)
    # pyarrow reads 0x10 as the integer 16; nobody who writes CSV means that.
    is_plain = not any(x in data and b"0" + x in data for x in (b"x", b"X"))
    quoted = b'"' in data
    table = _parse(view, names, places, expected, quoted=quoted, typed=True) if is_plain else None
    if table is None or not _is_finite(table):
        table = _parse(view, names, places, expected, quoted=quoted, typed=False)
    if table is None:
        _refuse_ragged(view, len(names), expected)
    check_n_rows(table.num_rows, expected)
    return Columns(
        {name: table.column(str(place)) for name, place in places.items()}, table.num_rows, problems
    )


def _header(view: memoryview, expected: Expected) -> list[str]:
    text = bytes(view[:MAX_LINE_BYTES]).decode("utf-8", "ignore")
    try:
        reader = csv.reader(io.StringIO(text, newline=""))
        names = next(reader)
    except (csv.Error, StopIteration):
        refuse(
            expected, "the first line is no CSV header; the columns are " + named(map(shown, expected.header))
        )
    if len(view) > MAX_LINE_BYTES and _is_at_end(reader):
        refuse(expected, "the first line is longer than 1 MB; is this a CSV file?")
    if len(names) == 1:
        for separator, word in _SEPARATORS.items():
            if separator in names[0]:
                refuse(expected, f"the columns are separated by {word}; separate them by commas")
    return names


def _is_at_end(reader: Iterator[list[str]]) -> bool:
    try:
        return next(reader, None) is None
    except csv.Error:
        # A line follows, and holds a very long value.
        return False


def _count(byte: bytes, view: memoryview) -> int:
    """As ``bytes.count``, which takes four times as long where there are many."""
    import numpy as np

    pieces = (view[i : i + MAX_LINE_BYTES] for i in range(0, len(view), MAX_LINE_BYTES))
    return sum(int(np.count_nonzero(np.frombuffer(piece, np.uint8) == byte[0])) for piece in pieces)


def _parse(
    view: memoryview,
    names: list[str],
    places: dict[str, int],
    expected: Expected,
    *,
    quoted: bool,
    typed: bool,
) -> pa.Table | None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types = {str(place): pa.large_string() for place in places.values()}
    if typed:
        numbers = [] if expected.domain is Domain.LABEL else expected.columns
        types |= {str(places[name]): pa.float64() for name in numbers if name in places}
        if expected.ids.dtype.kind == "i" and expected.id_column in places:
            types[str(places[expected.id_column])] = pa.int64()
    # With no wanted column, any one keeps the count of rows.
    wanted = list(types) or ["0"]
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(view),
            # Columns are named by place: names may repeat, and these are no one's business but ours.
            arrow_csv.ReadOptions(
                column_names=[str(i) for i in range(len(names))],
                skip_rows_after_names=1,
                block_size=MAX_LINE_BYTES,
                # Threads keep many blocks in flight: twice as much memory again as the columns.
                use_threads=len(view) < LARGE_BYTES,
            ),
            arrow_csv.ParseOptions(newlines_in_values=quoted),
            arrow_csv.ConvertOptions(
                column_types=types or {"0": pa.large_string()},
                include_columns=wanted,
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, ValueError, OSError):
        return None


def _is_finite(table: pa.Table) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = [column for column in table.columns if pa.types.is_floating(column.type)]
    return all(pc.all(pc.is_finite(column), min_count=0).as_py() for column in floats)


def _refuse_ragged(view: memoryview, n_fields: int, expected: Expected) -> NoReturn:
    """Name the lines that do not have as many fields as the header."""
    import pyarrow as pa

    lines = io.TextIOWrapper(pa.BufferReader(view), encoding="utf-8", newline="")
    reader = csv.reader(_bounded(lines, expected))
    ragged = []
    try:
        for row in reader:
            if row and len(row) != n_fields:
                ragged.append(f"line {reader.line_num} ({counted(len(row), 'field', 'fields')})")
    except csv.Error as error:
        refuse(expected, f"line {reader.line_num} is no CSV: {error}")
    if not ragged:
        refuse(expected, "the file is no CSV that can be read; is a quotation mark left open?")
    text = counted(len(ragged), "line does not", "lines do not")
    refuse(expected, f"{text} have {n_fields} fields as the header has: {named(ragged)}")


def _bounded(lines: io.TextIOBase, expected: Expected) -> Iterator[str]:
    number = 0
    while line := lines.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES:
            refuse(expected, f"line {number} is longer than 1 MB; is this a CSV file?")
        yield line
