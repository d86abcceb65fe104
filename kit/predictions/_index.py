"""The index of the expected ids: made once for a question, asked for each file. Drops with its Expected."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from kit.metrics import Array
from kit.predictions._keys import KeyTable

SPARE = 4
"""Integers that fill at least one in so many of their range are looked up in a plain table."""
MIN_RANGE = 1 << 16
MOST_KEPT = 1 << 22
N_ORDERS = 2
"""Orders kept: that which the client sends, and that of the file participants are given."""


class IdIndex:
    """Finds ids among the expected ones; safe to be used by several threads.

    Attributes
    ----------
    wanted : Array of int64 or large_string
        The expected ids, to be compared with ``Ids.given``.
    labels : pandas.Index
        The same, as the rows of a frame.
    low : int
        The lowest integer id.
    is_range : bool
        Whether ids are low, low + 1, … in this order, so that ``id - low`` is the place.
    table : ndarray of int32 or None
        ``table[id - low]`` is the place of an integer id, -1 for none; None where ids are spread wide.
    keys : KeyTable or None
        Of ids that are spread wide, or of the hashes of ids that are text.
    """

    def __init__(self, ids: Array, name: str) -> None:
        self.labels = pd.Index(ids, dtype=ids.dtype, name=name)
        self.is_integer = ids.dtype.kind == "i"
        self.wanted = pa.array(ids, pa.int64() if self.is_integer else pa.large_string())
        self.low = int(ids.min()) if self.is_integer and len(ids) else 0
        self.is_range = self.is_integer and np.array_equal(ids, np.arange(len(ids)) + self.low)
        self.table = _table(ids, self.low) if self.is_integer else None
        self.keys = None if self.table is not None else self._keyed()
        self._orders: tuple[tuple[pa.Array, Array], ...] = ()

    def known_order(self, given: pa.Array) -> Array | None:
        """The places of a file's ids where a file shortly before it held the same ids in the same order.

        Most files do: they are made from one test file, or sorted by the client.
        """
        orders = self._orders
        for kept in orders:
            if kept[0].equals(given):
                self._orders = (kept, *(other for other in orders if other is not kept))
                return kept[1]
        return None

    def keep_order(self, given: pa.Array, places: Array) -> None:
        """Keep the places of a file's ids, each expected one once, for files to come."""
        if len(given) <= MOST_KEPT:
            places.flags.writeable = False
            self._orders = ((given, places), *self._orders)[:N_ORDERS]

    def _keyed(self) -> KeyTable | None:
        keys = self.wanted.to_numpy().view(np.uint64) if self.is_integer else _hashes(self.wanted)
        # Two texts of one hash are a matter of luck, once in a million files of ten million ids.
        return KeyTable(keys) if self.is_integer or len(np.unique(keys)) == len(keys) else None

    def places(self, given: pa.Array) -> Array:
        """The place of each id among the expected, int64, -1 where it is null or none of them."""
        if self.is_integer:
            places = self.places_of_integers(given.fill_null(0).to_numpy())
        elif self.keys is None:
            return np.array(pc.index_in(given, value_set=self.wanted).fill_null(-1), dtype=np.int64)
        else:
            places = self.keys.find(_hashes(given))
            stands = pc.equal(given, self.wanted.take(pa.array(np.maximum(places, 0)))).fill_null(False)
            places[~stands.to_numpy(zero_copy_only=False)] = -1
        if given.null_count:
            places[given.is_null().to_numpy(zero_copy_only=False)] = -1
        return places

    def places_of_integers(self, given: Array) -> Array:
        """As `places`, for ids of int64."""
        if self.table is None:
            return self.keys.find(given.view(np.uint64))  # type: ignore[union-attr]
        # Unsigned, so that ids below the lowest become huge, and no difference overflows.
        at = (given - np.int64(self.low)).view(np.uint64)
        is_beyond = at >= len(self.table) if len(at) and int(at.max()) >= len(self.table) else None
        if is_beyond is not None:
            at[is_beyond] = 0
        places: Array = (
            at.view(np.int64) if self.is_range else self.table.take(at.view(np.int64)).astype(np.int64)
        )
        if is_beyond is not None:
            places[is_beyond] = -1
        return places


def _table(ids: Array, low: int) -> Array | None:
    n_values = int(ids.max()) - low + 1 if len(ids) else 1
    if n_values > max(SPARE * len(ids), MIN_RANGE):
        return None
    table = np.full(n_values, -1, dtype=np.int32)
    table[ids - low] = np.arange(len(ids))
    return table


def _hashes(texts: pa.Array) -> Array:
    hashes: Array = pl.Series(pl.from_arrow(texts)).hash().to_numpy()
    return hashes
