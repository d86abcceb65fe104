"""From the bytes of a file to columns, told apart by content, never by name; holds at most max_bytes."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING

from kit.predictions._expected import Expected
from kit.predictions._problems import refuse, size

if TYPE_CHECKING:
    from kit.predictions._columns import Columns

Bytes = bytes | bytearray

CHUNK_BYTES = 1 << 20
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_PARQUET = b"PAR1"
_SEND = "send CSV (UTF-8), gzip or zstd of it, or Parquet"
_FOREIGN = (
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1", "a Feather (Arrow) file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or another Office file"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x93NUMPY", "a NumPy array, which has no ids"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF document"),
)


def read_path(path: Path, expected: Expected) -> bytes:
    """The bytes of a file, at most max_bytes of them."""
    try:
        if not path.is_file():
            refuse(expected, f"there is no file {path.name!r}")
        with path.open("rb") as file:
            n_bytes = path.stat().st_size
            # As much as there is, and no more: the limit itself would be allocated first.
            data = file.read(min(n_bytes, expected.max_bytes) + 1)
            n_bytes = max(n_bytes, len(data))
    except (OSError, ValueError):
        refuse(expected, f"the file {path.name!r} cannot be read")
    check_n_bytes(n_bytes, expected)
    return data


def check_n_bytes(n_bytes: int, expected: Expected) -> None:
    """Refuse what is over the size limit."""
    if n_bytes > expected.max_bytes:
        refuse(expected, f"the file has {size(n_bytes)}; the limit is {size(expected.max_bytes)}")


def read_file(data: Bytes, expected: Expected) -> Columns:
    """Columns of a CSV, gzip, zstd or Parquet file."""
    from kit.predictions._csv import read_csv
    from kit.predictions._parquet import read_parquet

    check_n_bytes(len(data), expected)
    if data.startswith(_PARQUET):
        return read_parquet(data, expected)
    for magic, codec in _COMPRESSIONS.items():
        if data.startswith(magic):
            data = _decompressed(data, codec, expected)
            if data.startswith((_PARQUET, *_COMPRESSIONS)):
                refuse(expected, f"the {codec} file holds a Parquet or compressed file; compress once, a CSV")
            break
    _check_is_text(data, expected)
    return read_csv(data, expected)


def _decompressed(data: Bytes, codec: str, expected: Expected) -> bytearray:
    import pyarrow as pa

    text = bytearray()
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                text += chunk
                if len(text) > expected.max_bytes:
                    limit = size(expected.max_bytes)
                    refuse(expected, f"the {codec} file decompresses to more than the limit of {limit}")
    except OSError as error:
        state = "truncated" if "runcated" in str(error) else "damaged"
        refuse(expected, f"the {codec} file is {state}; write and send it again")
    return text


def _check_is_text(data: Bytes, expected: Expected) -> None:
    if not data[:CHUNK_BYTES].removeprefix(codecs.BOM_UTF8).strip():
        refuse(expected, "the file is empty")
    if data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06"):
        _refuse_zip(data, expected)
    for magic, what in _FOREIGN:
        if data.startswith(magic):
            refuse(expected, f"the file is {what}; {_SEND}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(data) > 3 and (data[0] == 0) != (data[1] == 0)):
        refuse(expected, "the file is UTF-16; save it as UTF-8")
    if (place := data.find(b"\x00")) >= 0:
        refuse(expected, f"the file is not text: byte 0x00 at position {place}; {_SEND}")
    if not data.isascii():
        _check_utf8(data, expected)


def _refuse_zip(data: Bytes, expected: Expected) -> None:
    if b"[Content_Types].xml" in data or b"xl/workbook" in data:
        refuse(expected, "the file is an Excel workbook (xlsx); save it as CSV UTF-8")
    refuse(expected, "the file is a zip archive; send the CSV in it, plain or as gzip or zstd")


def _check_utf8(data: Bytes, expected: Expected) -> None:
    """Decode piece by piece: decoded whole, a file may take four times its size."""
    view, start = memoryview(data), 0
    while start < len(view):
        piece = bytes(view[start : start + CHUNK_BYTES])
        try:
            piece.decode("utf-8")
            start += len(piece)
        except UnicodeDecodeError as error:
            # A character that the end of the piece cuts in two starts the next piece.
            if error.end == len(piece) < len(view) - start and error.start > len(piece) - 4:
                start += error.start
                continue
            place = start + error.start
            line = data.count(b"\n", 0, place) + 1
            text = f"the file is not UTF-8: byte 0x{data[place]:02X} at position {place} (line {line})"
            refuse(expected, f"{text}; save it as UTF-8")
