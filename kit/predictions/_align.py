"""From columns to the values of every expected id, in their order; gathers every problem on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kit.metrics import Array, Domain
from kit.predictions._columns import Columns, TooLarge, plain
from kit.predictions._expected import Expected
from kit.predictions._ids import Ids, read_ids
from kit.predictions._problems import Findings, refuse, shown, size
from kit.predictions._values import distribution, labels, numbers


def align(columns: Columns, expected: Expected) -> pd.DataFrame:
    """Predictions of every id, in the order of ``expected.ids``.

    Raises
    ------
    InvalidPredictions
        With every problem of names, ids and values.
    """
    by_name, found = dict(columns.by_name), Findings(list(columns.problems))
    del columns
    try:
        arrays = {name: _plain(name, by_name.pop(name), expected) for name in list(by_name)}
    except TooLarge:
        refuse(expected, f"the file decompresses to more than the limit of {size(expected.max_bytes)}")
    places = None
    if expected.id_column in arrays:
        ids = read_ids(arrays.pop(expected.id_column), expected)
        found.label = ids.label
        places = _places(ids, expected, found)
    read = {Domain.LABEL: labels, Domain.DISTRIBUTION: distribution}.get(expected.domain, numbers)
    values = read(arrays, expected, found)
    if found.problems:
        refuse(expected, *found.problems)
    arrays.clear()
    return framed(np.array(values) if places is None else _in_order(values, places), expected)


def _plain(name: str, column: pa.Array | pa.ChunkedArray, expected: Expected) -> pa.Array:
    is_label = expected.domain is Domain.LABEL and name != expected.id_column
    return plain(column, expected.max_bytes, encoded=is_label)


def _places(ids: Ids, expected: Expected, found: Findings) -> Array | None:
    """The place of each row's id among the expected ids; None where all rows stand in order."""
    wanted = expected.index.wanted
    if ids.given.equals(wanted):
        return None
    if (known := expected.index.known_order(ids.given)) is not None:
        return known
    places = expected.index.places(ids.given)
    if len(places) == len(wanted) and _is_permutation(places):
        expected.index.keep_order(ids.given, places)
        return places
    n_times = np.bincount(places[places >= 0], minlength=len(wanted))
    is_unknown = (places < 0) & ~ids.is_blank & ~ids.is_inexact

    # In the order of ids: that of the truth may tell what is public, and a notebook does not know it.
    order = pc.array_sort_indices(wanted).to_numpy()

    def show_wanted(rank: int) -> str:
        return shown(wanted[int(order[rank])].as_py())

    found.add(n_times[order] == 0, "id missing", "ids missing", show_wanted)
    found.add(is_unknown, "id unknown", "ids unknown", ids.show)
    found.add(n_times[order] > 1, "id repeated", "ids repeated", show_wanted)
    found.add(ids.is_blank, "row has no id", "rows have no id", ids.label)
    one, many = "id is a float too large to be exact", "ids are floats too large to be exact"
    found.add(ids.is_inexact, one, many, ids.show)
    return places


def _is_permutation(places: Array) -> bool:
    if len(places) and int(places.min()) < 0:
        return False
    is_met = np.zeros(len(places), dtype=bool)
    is_met[places] = True
    return bool(is_met.all())


def framed(values: Array, expected: Expected) -> pd.DataFrame:
    """Values of shape (n_columns, n_ids), in the order of ``expected.ids``, as the frame that is returned."""
    frame = pd.DataFrame(
        values.T, index=expected.index.labels.view(), columns=list(expected.columns), copy=False
    )
    if expected.domain is Domain.LABEL:
        frame.attrs["classes"] = expected.classes
    return frame


def _in_order(values: Array, places: Array) -> Array:
    in_order = np.empty_like(values)
    for to, column in zip(in_order, values, strict=True):
        to[places] = column
    return in_order
