"""Where 64-bit keys stand in an array: a hash table that is made once and asked for many keys at a time."""

from __future__ import annotations

import numpy as np

from kit.metrics import Array

# Odd constants of splitmix64: ids are often evenly spaced, and one multiplication alone may pile those up.
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
HALF = 32


class KeyTable:
    """An open-addressing table over distinct keys, at most two thirds full.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)

    Attributes
    ----------
    slots : ndarray of int32
        The place of the key that a slot holds, -1 where it is free. A key lies at ``home`` or in the
        first free slot after it.
    shift : int
        How far a mixed key is shifted down to give its home.
    """

    def __init__(self, keys: Array) -> None:
        self.keys = keys
        n_bits = max(1, (len(keys) + len(keys) // 2).bit_length())
        self.shift = 64 - n_bits
        self.slots = np.full(1 << n_bits, -1, dtype=np.int32)
        waiting, at = np.arange(len(keys), dtype=np.int32), self._home(keys)
        while len(waiting):
            is_free = self.slots[at] < 0
            self.slots[at[is_free]] = waiting[is_free]
            # Of several that want one slot the last has it, and the others go on.
            lost = self.slots[at] != waiting
            waiting, at = waiting[lost], self._next(at[lost])

    def find(self, keys: Array) -> Array:
        """The place of each key, int64, -1 where it is none of the table's."""
        at = self._home(keys)
        places = self.slots[at].astype(np.int64)
        rows = np.flatnonzero((places >= 0) & (self.keys[places] != keys)) if len(self.keys) else places[:0]
        at = at[rows]
        while len(rows):
            at = self._next(at)
            found = self.slots[at].astype(np.int64)
            places[rows] = found
            goes_on = (found >= 0) & (self.keys[found] != keys[rows])
            rows, at = rows[goes_on], at[goes_on]
        return places

    def _home(self, keys: Array) -> Array:
        mixed = keys ^ (keys >> np.uint64(HALF))
        mixed *= np.uint64(MIX_1)
        mixed ^= mixed >> np.uint64(HALF)
        mixed *= np.uint64(MIX_2)
        home: Array = (mixed >> np.uint64(self.shift)).view(np.int64)
        return home

    def _next(self, at: Array) -> Array:
        return np.asarray((at + 1) & (len(self.slots) - 1))
