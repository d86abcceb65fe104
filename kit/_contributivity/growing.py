"""An array that rows are added to, without copying all of it each time."""

from __future__ import annotations

import numpy as np

from kit.metrics import Array


class Growing:
    """Rows of one shape; `rows` is a view that later additions do not change."""

    def __init__(self) -> None:
        self._room = np.empty(0)
        self._n = 0

    @property
    def rows(self) -> Array:
        """What was added so far, shape (n, …)."""
        return self._room[: self._n]

    def extend(self, rows: Array) -> None:
        """Add rows of shape (n_new, …); the first ones decide shape and type, and are kept as they are."""
        n, dtype = self._n + len(rows), np.result_type(self._room, rows)
        if self._n == 0:
            self._room = rows
        elif n > len(self._room) or dtype != self._room.dtype:
            room = np.empty((max(n, 2 * self._n), *self._room.shape[1:]), dtype=dtype)
            room[: self._n] = self.rows
            room[self._n : n] = rows
            self._room = room
        else:
            self._room[self._n : n] = rows
        self._n = n
