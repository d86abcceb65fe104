"""The footer and page headers of a Parquet file, read before pyarrow trusts them; decodes no value.

A footer may lie about sizes: a page of a few bytes can decompress to gigabytes, and front coding
(DELTA_BYTE_ARRAY) can repeat a long prefix in every value. And pyarrow ends the process where it is
asked for a row group's column whose size statistics do not fit. Both are in Thrift's compact protocol,
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md, with the fields of
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 16
MAX_HEADER_BYTES = 1 << 20
MAX_FOOTER_BYTES = 4 << 20
_DELTA_BYTE_ARRAY = 7
_DICTIONARY_PAGE = 2
# By type of data page: the field of its header, and there the field of the encoding.
_DATA_HEADERS = {0: (5, 2), 3: (8, 4)}

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
)

# Values by number and kind: pyarrow passes over a field of the wrong kind, and so must we.
Fields = dict[tuple[int, int], Any]


class PageError(Exception):
    """The bytes are no footer or page header that can be trusted."""


@dataclass(frozen=True)
class Chunk:
    """Where one column of a row group lies, and how many values it declares."""

    n_values: int
    start: int
    end: int


@dataclass(frozen=True)
class RowGroup:
    """Rows that a file stores together, one chunk for each column of the schema."""

    n_rows: int
    chunks: list[Chunk]


@dataclass(frozen=True)
class Page:
    """What a page header declares; a dictionary page has no values of its own."""

    n_values: int
    uncompressed_bytes: int
    is_front_coded: bool


def row_groups(data: bytes | bytearray) -> list[RowGroup]:
    """Row groups as the footer declares them.

    Raises
    ------
    PageError
        The footer cannot be read, is larger than 4 MB, or refers to other files.
    """
    end = len(data) - 8
    n_bytes = int.from_bytes(data[end : end + 4], "little")
    if not 0 < n_bytes <= min(end, MAX_FOOTER_BYTES):
        raise PageError
    footer = _Compact(data, end - n_bytes, end).struct()
    return [
        RowGroup(_integer(group, 3, _I64), [_chunk(column) for column in _structs(group, 1)])
        for group in _structs(footer, 4)
    ]


def _chunk(column: Fields) -> Chunk:
    meta = column.get((3, _STRUCT))
    if meta is None or (1, _BINARY) in column or (8, _STRUCT) in column:
        raise PageError
    start = _integer(meta, 9, _I64)
    # As pyarrow does: only a dictionary that lies before the data counts.
    if 0 < meta.get((11, _I64), 0) < start:
        start = meta[11, _I64]
    return Chunk(_integer(meta, 5, _I64), start, start + _integer(meta, 7, _I64))


def pages(data: bytes | bytearray, chunk: Chunk) -> Iterator[Page]:
    """Pages of a column chunk, from where pyarrow starts to where the chunk ends.

    Raises
    ------
    PageError
        The chunk is not a row of whole pages within the file.
    """
    start, end = chunk.start, chunk.end
    if not 0 < start <= end <= len(data):
        raise PageError
    while start < end:
        reader = _Compact(data, start, min(end, start + MAX_HEADER_BYTES))
        header = reader.struct()
        start = reader.place + _integer(header, 3, _I32)
        if start > end:
            raise PageError
        yield _page(header)


def _page(header: Fields) -> Page:
    kind, uncompressed = _integer(header, 1, _I32), _integer(header, 2, _I32)
    if kind == _DICTIONARY_PAGE:
        return Page(0, uncompressed, is_front_coded=False)
    number, encoding = _DATA_HEADERS.get(kind, (0, 0))
    values = header.get((number, _STRUCT))
    if values is None:
        raise PageError
    is_front_coded = _integer(values, encoding, _I32) == _DELTA_BYTE_ARRAY
    return Page(_integer(values, 1, _I32), uncompressed, is_front_coded)


def _integer(fields: Fields, number: int, kind: int) -> int:
    value = fields.get((number, kind), -1)
    if value < 0:
        raise PageError
    return int(value)


def _structs(fields: Fields, number: int) -> list[Fields]:
    items = fields.get((number, _LIST))
    if items is None or not all(isinstance(item, dict) for item in items):
        raise PageError
    return list(items)


class _Compact:
    """Reads one Thrift struct; places outside of it raise PageError."""

    def __init__(self, data: bytes | bytearray, place: int, end: int) -> None:
        self.data, self.place, self.end = data, place, end

    def struct(self, depth: int = 0) -> Fields:
        fields: Fields = {}
        numbers = set()
        number = 0
        while byte := self._byte():
            step = byte >> 4
            number = number + step if step else self._zigzag()
            if number in numbers or not 0 < number < 1 << 15:
                raise PageError
            numbers.add(number)
            fields[number, byte & 15] = self._value(byte & 15, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise PageError
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in (_LIST, _SET):
            return self._list(depth)
        lengths = {_BYTE: lambda: 1, _DOUBLE: lambda: 8, _BINARY: self._varint}
        if kind not in lengths:
            raise PageError
        return self._skip(lengths[kind]())

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        n_items = head >> 4 if head >> 4 < 15 else self._varint()
        if head & 15 in (_TRUE, _FALSE):
            return [self._byte() for _ in range(n_items)]
        return [self._value(head & 15, depth + 1) for _ in range(n_items)]

    def _skip(self, n_bytes: int) -> None:
        self.place += n_bytes
        if self.place > self.end:
            raise PageError

    def _byte(self) -> int:
        if self.place >= self.end:
            raise PageError
        self.place += 1
        return self.data[self.place - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise PageError

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
