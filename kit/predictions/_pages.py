"""The page headers of a Parquet column, read before pyarrow trusts them; decodes no value.

A footer may lie about sizes: a page of a few bytes can decompress to gigabytes, and front coding
(DELTA_BYTE_ARRAY) can repeat a long prefix in every value. Headers are in Thrift's compact protocol,
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md, with the fields of
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 8
MAX_HEADER_BYTES = 1 << 20
_DICTIONARY_PAGE = 2
_DATA_HEADERS = (5, 8)
_DELTA_BYTE_ARRAY = 7

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)


class PageError(Exception):
    """The bytes are no page header."""


@dataclass(frozen=True)
class Page:
    """What a page header declares; a dictionary page has no values of its own."""

    n_values: int
    uncompressed_bytes: int
    is_front_coded: bool


def pages(data: bytes | bytearray, chunk: Any) -> Iterator[Page]:
    """Pages of a column chunk, from where pyarrow starts to where the chunk ends.

    Raises
    ------
    PageError
        The chunk is not a row of whole pages within the file.
    """
    start = chunk.data_page_offset
    # As pyarrow does: only a dictionary that lies before the data counts.
    if chunk.dictionary_page_offset is not None and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    end = start + chunk.total_compressed_size
    if not 0 < start <= end <= len(data):
        raise PageError
    while start < end:
        reader = _Compact(data, start, min(end, start + MAX_HEADER_BYTES))
        header = reader.struct()
        kind, uncompressed, compressed = (_integer(header, number) for number in (1, 2, 3))
        start = reader.place + compressed
        if start > end:
            raise PageError
        values: Any = next((header[number] for number in _DATA_HEADERS if number in header), {})
        if kind != _DICTIONARY_PAGE and not isinstance(values, dict):
            raise PageError
        n_values = 0 if kind == _DICTIONARY_PAGE else _integer(values, 1)
        encoding = None if kind == _DICTIONARY_PAGE else values.get(2 if 5 in header else 4)
        yield Page(n_values, uncompressed, encoding == _DELTA_BYTE_ARRAY)


def _integer(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or value < 0:
        raise PageError
    return value


class _Compact:
    """Reads one Thrift struct; places outside of it raise PageError."""

    def __init__(self, data: bytes | bytearray, place: int, end: int) -> None:
        self.data, self.place, self.end = data, place, end

    def struct(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while byte := self._byte():
            step = byte >> 4
            number = number + step if step else self._zigzag()
            fields[number] = self._value(byte & 15, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise PageError
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in (_LIST, _SET):
            return self._list(depth)
        lengths = {_BYTE: lambda: 1, _DOUBLE: lambda: 8, _BINARY: self._varint}
        if kind not in lengths:
            raise PageError
        return self._skip(lengths[kind]())

    def _list(self, depth: int) -> None:
        head = self._byte()
        n_items = head >> 4 if head >> 4 < 15 else self._varint()
        for _ in range(n_items):
            if head & 15 in (_TRUE, _FALSE):
                self._byte()
            else:
                self._value(head & 15, depth + 1)

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
