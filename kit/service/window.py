"""Which rows of a leaderboard are asked for, and how it is shown to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

from kit.service import models
from kit.service.hosted import Sight

ALL_ROWS = 1000
"""A leaderboard of so many rows is sent whole unless a page is asked for."""
PAGE = 100
"""Rows of a page where nobody says how many."""


@dataclass(frozen=True)
class Window:
    """Which rows are asked for; without a limit all, where they are not too many."""

    limit: int | None = None
    offset: int = 0
    is_around_me: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all rows are asked for."""
        return self == Window()

    def bounds(self, n_rows: int, own: int | None) -> tuple[int, int]:
        """First row and number of rows, of so many, among which ``own`` is the asker's."""
        limit = self.limit or PAGE
        if not self.is_around_me or own is None:
            return self.offset, limit
        return max(0, min(own - limit // 2, n_rows - limit)), limit


WHOLE = Window()


def paged(board: models.Leaderboard, window: Window, team: str | None = None) -> models.Leaderboard:
    """A whole leaderboard's page, with the row of a team where rows are left out."""
    if window.is_whole and len(board.rows) <= ALL_ROWS:
        return board
    mine = (i for i, row in enumerate(board.rows) if row.team == team and not row.baseline)
    own = next(mine, None)
    offset, limit = window.bounds(len(board.rows), own)
    page = {"rows": board.rows[offset : offset + limit], "offset": offset}
    return board.model_copy(update={**page, "own": None if own is None else board.rows[own]})


@dataclass(frozen=True)
class Shown:
    """How a leaderboard is shown to someone."""

    is_closed: bool
    mode: models.Mode
    sight: Sight
    is_exact: bool
