"""Check what a sandbox predicted: shape, kind and values, as an uploaded file would be checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit.runner.exchange import cleaned

ROWS = {"valid": "the training table's rows", "test": "the test rows"}


def wanted_columns(wants: str, classes: Sequence[Any], y_train: Any, option: str | None) -> int | None:
    """How many columns predictions must have; 0 for one plain column, None where anything goes."""
    if option is not None:
        return None if option == "any" else int(option)
    if wants == "predict_proba":
        return len(classes) or None
    shape = np.shape(y_train)
    return int(shape[1]) if len(shape) > 1 else 0


def problem_of(
    array: NDArray[Any],
    stage: str,
    *,
    n_rows: int,
    n_columns: int | None,
    classes: Sequence[Any],
    labels: bool,
) -> str:
    """What is wrong with predictions: what was wanted and what came, in one sentence; empty if nothing."""
    what = f"The predictions for {ROWS[stage]}"
    shape = _wanted_shape(array, n_rows, n_columns)
    if array.shape != shape:
        return f"{what} have shape {array.shape}; {shape} is wanted: one row per row of X, in the same order."
    if array.dtype.kind == "U" and n_columns is None:
        return ""
    if not labels or _are_numbers(classes):
        if array.dtype.kind == "U":
            return f"{what} are texts, such as {_short(array.flat[0])}; numbers are wanted."
        finite = np.isfinite(array)
        if not finite.all():
            first = int(np.argwhere(~finite)[0][0])
            n = int((~finite).sum())
            return (
                f"{what} hold {n} values that are not finite, the first in row {first}; numbers are wanted."
            )
    if labels and len(classes):
        known = np.isin(array, np.asarray(classes))
        if not known.all():
            n = int((~known).sum())
            some = ", ".join(map(_short, classes[:6])) + (", …" if len(classes) > 6 else "")
            return (
                f"{what} hold {n} unknown labels, such as {_short(array[~known].flat[0])}; known are {some}."
            )
    return ""


def _short(value: Any) -> str:
    return repr(cleaned(str(value))[:40])


def _wanted_shape(array: NDArray[Any], n_rows: int, n_columns: int | None) -> tuple[int, ...]:
    if n_columns is None:
        return (n_rows, *array.shape[1:])
    # A single column may stand upright or lie flat: both say the same.
    if n_columns <= 1 and array.ndim == 2 and array.shape[1] == 1:
        return (n_rows, 1)
    return (n_rows, n_columns) if n_columns > 1 else (n_rows,)


def _are_numbers(classes: Sequence[Any]) -> bool:
    return not any(isinstance(label, str) for label in classes)
