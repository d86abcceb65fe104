"""From columns to the values of every expected id, in their order; gathers every problem on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from kit.metrics import Array, Domain
from kit.predictions._columns import Columns, TooLarge, plain
from kit.predictions._expected import Expected
from kit.predictions._ids import Ids, read_ids, wanted_ids
from kit.predictions._problems import Findings, refuse, shown, size
from kit.predictions._values import distribution, labels, numbers


def align(columns: Columns, expected: Expected) -> pd.DataFrame:
    """Predictions of every id, in the order of ``expected.ids``.

    Raises
    ------
    InvalidPredictions
        With every problem of names, ids and values.
    """
    try:
        arrays = {name: plain(column, expected.max_bytes) for name, column in columns.by_name.items()}
    except TooLarge:
        refuse(expected, f"the file decompresses to more than the limit of {size(expected.max_bytes)}")
    found = Findings(list(columns.problems))
    places = None
    if expected.id_column in arrays:
        ids = read_ids(arrays.pop(expected.id_column), expected)
        found.label = ids.label
        places = _places(ids, expected, found)
    read = {Domain.LABEL: labels, Domain.DISTRIBUTION: distribution}.get(expected.domain, numbers)
    values = read(arrays, expected, found)
    if found.problems:
        refuse(expected, *found.problems)
    return _frame(values, places, expected)


def _places(ids: Ids, expected: Expected, found: Findings) -> Array | None:
    """The place of each row's id among the expected ids; None where all rows stand in order."""
    wanted = wanted_ids(expected)
    if ids.given.equals(wanted):
        return None
    matches = pc.index_in(ids.given, value_set=wanted, skip_nulls=True).fill_null(-1)
    places = np.asarray(matches.to_numpy(zero_copy_only=False))
    n_times = np.bincount(places[places >= 0], minlength=len(wanted))
    is_unknown = (places < 0) & ~ids.is_blank & ~ids.is_inexact

    def show_wanted(place: int) -> str:
        return shown(wanted[place].as_py())

    found.add(n_times == 0, "id missing", "ids missing", show_wanted)
    found.add(is_unknown, "id unknown", "ids unknown", ids.show)
    found.add(n_times > 1, "id repeated", "ids repeated", show_wanted)
    found.add(ids.is_blank, "row has no id", "rows have no id", ids.label)
    one, many = "id is a float too large to be exact", "ids are floats too large to be exact"
    found.add(ids.is_inexact, one, many, ids.show)
    return places


def _frame(values: Array, places: Array | None, expected: Expected) -> pd.DataFrame:
    if places is not None:
        in_order = np.empty_like(values)
        in_order[:, places] = values
        values = in_order
    index = pd.Index(expected.ids, dtype=expected.ids.dtype, name=expected.id_column)
    frame = pd.DataFrame(values.T, index=index, columns=list(expected.columns), copy=False)
    if expected.domain is Domain.LABEL:
        frame.attrs["classes"] = expected.classes
    return frame
