"""From a pandas DataFrame or Series to columns, whatever it holds; and back to Parquet."""

from __future__ import annotations

import datetime
import decimal
import inspect
from collections.abc import Hashable
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kit.predictions._columns import Columns
from kit.predictions._expected import Expected
from kit.predictions._problems import check_n_rows, find_columns, named, refuse, shown

if TYPE_CHECKING:
    from pathlib import Path

PAGE_ROWS = 1 << 17
_SPELLED = (int, float, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)


def read_frame(frame: pd.DataFrame, expected: Expected) -> Columns:
    """Columns of a DataFrame that holds the ids as a column or as its index."""
    names = [_name(column) for column in frame.columns]
    series = [frame.iloc[:, i] for i in range(min(len(names), expected.max_columns))]
    if expected.id_column not in names and (index := _index_of_ids(frame.index, expected)) is not None:
        names, series = [expected.id_column, *names], [index.to_series(), *series]
    places, problems = find_columns(names, expected)
    check_n_rows(len(frame), expected)
    if expected.id_column not in names and len(frame) > 0:
        problems.append(f"no ids: give a column {shown(expected.id_column)}, or make the ids the index")
    return Columns({name: _arrow(series[place]) for name, place in places.items()}, len(frame), problems)


def read_series(series: pd.Series, expected: Expected) -> Columns:
    """Columns of a Series whose index is the ids; its own name does not matter."""
    if len(expected.columns) != 1:
        wanted = named(map(shown, expected.columns))
        refuse(expected, f"a Series is one column; pass a DataFrame with the columns {wanted}")
    check_n_rows(len(series), expected)
    index = _index_of_ids(series.index, expected)
    if index is None:
        column = shown(expected.id_column)
        text = "the Series has no ids, only a default index"
        refuse(expected, f"{text}; pass pd.Series(values, index=test[{column}])")
    by_name = {expected.id_column: _arrow(index.to_series()), expected.columns[0]: _arrow(series)}
    return Columns(by_name, len(series))


def write_parquet(frame: pd.DataFrame, target: Path | str | IO[bytes]) -> None:
    """Write predictions as Parquet, with a named index as the first column.

    Codes of class labels that `read_predictions` returned are written as the labels they stand for.
    """
    arrays = {_name(column): _arrow(frame.iloc[:, i]) for i, column in enumerate(frame.columns)}
    if classes := frame.attrs.get("classes"):
        labels = pa.array(classes, pa.large_string())
        arrays = {name: labels.take(codes) for name, codes in arrays.items()}
    if frame.index.name is not None:
        arrays = {_name(frame.index.name): _arrow(frame.index.to_series())} | arrays
    pq.write_table(pa.table(arrays), target, compression="lz4", **_layout(arrays))


def _layout(arrays: dict[str, pa.Array | pa.ChunkedArray]) -> dict[str, Any]:
    """Half the time to read and less to send: whole numbers as differences, floats byte by byte, few pages.

    A dictionary, pyarrow's default, is made for nothing where nearly every value is another.
    """
    encodings = {name: _ENCODINGS[array.type] for name, array in arrays.items() if array.type in _ENCODINGS}
    layout = {"column_encoding": encodings, "use_dictionary": [n for n in arrays if n not in encodings]}
    # Where pyarrow has no such limit yet, a page holds as many rows anyway.
    is_limited = "max_rows_per_page" in inspect.signature(pq.ParquetWriter).parameters
    return layout | {"write_statistics": False} | ({"max_rows_per_page": PAGE_ROWS} if is_limited else {})


_ENCODINGS = {pa.int64(): "DELTA_BINARY_PACKED", pa.float64(): "BYTE_STREAM_SPLIT"}


def _index_of_ids(index: pd.Index, expected: Expected) -> pd.Index | None:
    """The index, or a level of it, if it holds the ids.

    A default index counts where it equals the ids in their order; any other order may be chance.
    """
    if isinstance(index, pd.MultiIndex):
        names = list(index.names)
        return (
            index.get_level_values(names.index(expected.id_column)) if expected.id_column in names else None
        )
    if index.name == expected.id_column or not isinstance(index, pd.RangeIndex):
        return index
    return index if np.array_equal(index.to_numpy(), expected.ids) else None


def _name(name: Hashable) -> str:
    if isinstance(name, np.generic):
        name = name.item()
    return str(name) if isinstance(name, str | bool | int | float) else f"<{type(name).__name__}>"


def _arrow(series: pd.Series) -> pa.Array | pa.ChunkedArray:
    if isinstance(series.dtype, np.dtype):
        values = series.to_numpy()
        if values.dtype.kind in "iufb":
            return pa.array(values.astype(_native(values.dtype), copy=False))
    try:
        if series.dtype != object or pd.api.types.infer_dtype(series, skipna=True) == "string":
            array = pa.array(series, from_pandas=True)
            array.validate(full=True)
            return array
    # An extension type is somebody else's code: text is what is left when it cannot be converted.
    except Exception:
        pass
    return pa.array([_text(value) for value in series], pa.large_string())


def _native(dtype: np.dtype) -> np.dtype:
    if dtype.kind == "f":
        return np.dtype(np.float64)
    return dtype.newbyteorder("=")


def _text(value: object) -> str | None:
    """A cell as text that reads back as the same value; what is no plain value, as its type's name."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, _SPELLED):
        try:
            return None if value != value else str(value)
        except (ValueError, ArithmeticError):
            pass
    return f"<{type(value).__name__}>"
