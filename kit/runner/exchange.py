"""What crosses between this side and a sandbox: values out as Arrow and npy, answers back as npy. No pickle.

Answers come from a participant's process: each is bounded before it is read and checked before it is used.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray

Buffer = bytes | memoryview

HEADER_BYTES = 256 * 1024
"""A longer header of an answer is not read."""

_NPY_HEADER_BYTES = 4096
_ANY_ROW_BYTES = 16 * 1024


class NotSendable(TypeError):
    """A value of the problem's that has no form in which it can cross."""


class BadAnswer(Exception):
    """An answer that no harness of ours sends; the text says what was seen."""


@dataclass(frozen=True)
class Answer:
    """What a sandbox answered: its header, believed nowhere, and the bytes of its array."""

    header: Mapping[str, Any]
    payload: bytes


def message(header: Mapping[str, Any], values: Mapping[str, Any]) -> list[Buffer]:
    """A message's bytes, in pieces to be written one after the other."""
    parts = []
    buffers: list[Buffer] = []
    for name, value in values.items():
        spec, own = encode(value)
        parts.append({"name": name, **spec, "sizes": [len(buffer) for buffer in own]})
        buffers += own
    text = json.dumps({**header, "parts": parts}).encode()
    return [struct.pack("<Q", len(text)) + text, *buffers]


def encode(value: Any) -> tuple[dict[str, Any], list[Buffer]]:
    """How a value crosses: its kind, and its bytes.

    Raises
    ------
    NotSendable
        For what is neither a table, a column, an array, a sparse matrix nor a list of these's items.
    """
    if isinstance(value, bytes):
        return {"kind": "bytes"}, [value]
    if isinstance(value, pd.DataFrame):
        return {"kind": "frame"}, [_arrow(value)]
    if isinstance(value, pd.Series):
        of = None if value.name is None else str(value.name)
        return {"kind": "series", "of": of}, [_arrow(value.to_frame(name="values"))]
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "OT":
            return {"kind": "npy"}, [_npy(value)]
        if value.ndim == 1:
            return {"kind": "objects"}, [_arrow(pd.DataFrame({"values": value}))]
    if isinstance(value, list | tuple):
        return {"kind": "list"}, [_arrow(pd.DataFrame({"values": list(value)}))]
    if hasattr(value, "tocsr") and hasattr(value, "nnz"):
        return _sparse(value)
    raise NotSendable(
        f"A value of type {type(value).__name__} cannot be sent into a sandbox; use a DataFrame, an array of "
        "numbers or texts, a sparse matrix, or a list, or put it into a file that is mounted."
    )


def _arrow(frame: pd.DataFrame) -> Buffer:
    try:
        table = pa.Table.from_pandas(frame)
    except (pa.ArrowException, ValueError) as error:
        raise NotSendable(f"A table cannot be sent into a sandbox: {error}") from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def _npy(array: NDArray[Any]) -> Buffer:
    file = io.BytesIO()
    npy.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getbuffer()


def _sparse(matrix: Any) -> tuple[dict[str, Any], list[Buffer]]:
    if matrix.format not in ("csr", "csc"):
        matrix = matrix.tocsr()
    spec = {"kind": "sparse", "of": type(matrix).__name__, "shape": list(matrix.shape)}
    return spec, [_npy(part) for part in (matrix.data, matrix.indices, matrix.indptr)]


def answer_header(text: bytes) -> dict[str, Any]:
    """An answer's header; whatever it holds is text of a participant's."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("its header is not JSON") from error
    if not isinstance(header, dict) or type(header.get("size")) is not int or header["size"] < 0:
        raise BadAnswer("its header has no size")
    return header


def text_of(header: Mapping[str, Any], name: str, n: int) -> str:
    """A text of a header, at most ``n`` characters, without control characters."""
    value = header.get(name)
    return cleaned(value[-n:]) if isinstance(value, str) else ""


def cleaned(text: str) -> str:
    """Without what could move a cursor, hide text or make it look like another's."""
    return "".join(c for c in text if c in "\n\t" or (c.isprintable() and not "\u202a" <= c <= "\u202e"))


def payload_bound(n_rows: int, n_columns: int | None, classes: Sequence[Any]) -> int:
    """The most bytes an array of these rows can take; more is not read. None: any number of columns."""
    if n_columns is None:
        return _NPY_HEADER_BYTES + n_rows * _ANY_ROW_BYTES
    longest = max((len(label) for label in classes if isinstance(label, str)), default=0)
    item = 4 * max(64, 2 * longest) if longest else 16
    return _NPY_HEADER_BYTES + n_rows * max(n_columns, 1) * item


def read_npy(payload: bytes) -> NDArray[Any]:
    """An array of numbers, booleans or texts; its header is believed only where the bytes bear it out.

    Raises
    ------
    BadAnswer
        Also for arrays of objects, which only pickle could hold, and of records.
    """
    file = io.BytesIO(payload)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file, max_header_size=_NPY_HEADER_BYTES)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError, EOFError) as error:
        raise BadAnswer("it is no npy array") from error
    if dtype.kind not in "biufU" or dtype.hasobject or dtype.itemsize == 0:
        raise BadAnswer(f"it is an array of dtype {str(dtype)[:40]}")
    n = 1
    for length in shape:
        n *= int(length)
    if any(length < 0 for length in shape) or n * dtype.itemsize != len(payload) - file.tell():
        raise BadAnswer("the array's header does not fit its bytes")
    flat: NDArray[Any] = np.frombuffer(payload, dtype=dtype, offset=file.tell(), count=n)
    return flat.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="), copy=True)
