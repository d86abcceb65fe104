"""Pages of leaderboards that are too long to be sent whole, each with the asker's own row beside it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from kit.leaderboard import Row
from kit.service import models
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.service.rows import board_row
from kit.service.standings import Line, Order, Standings
from kit.store import Store
from kit.submission import Split

ALL_ROWS = 1000
"""A leaderboard of so many rows is sent whole unless a page is asked for."""
PAGE = 100
"""Rows of a page where nobody says how many."""
PAGE_EVERY_S = 1.0
"""A page is made at most so often, for all who ask for it; ranks of single teams are never old."""
MOST_PAGES = 200


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


_Model = TypeVar("_Model", models.Leaderboard, models.CombinedLeaderboard)


def paged(board: _Model, window: Window, team: str | None = None) -> _Model:
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


@dataclass(frozen=True)
class Page:
    """Some rows, how many stand above them and in all, and the asker's."""

    rows: Sequence[models.BoardRow]
    offset: int
    n_rows: int
    own: models.BoardRow | None
    version: int


@dataclass(frozen=True)
class _Made:
    at: float
    rows: list[models.BoardRow]
    n_rows: int
    version: int


class Pages:
    """Makes pages; the same one for all who ask for it at about the same time."""

    def __init__(self, store: Store, standings: Standings) -> None:
        self._store = store
        self._standings = standings
        self._made: OrderedDict[tuple[object, ...], _Made] = OrderedDict()
        self._lock = threading.Lock()

    def page(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        shown: Shown,
        window: Window,
        team_id: int | None,
    ) -> Page:
        """A page of a question's leaderboard, and the row of a team."""
        order = self._standings.order(hosted, question, split, shown.sight)
        own = None if team_id is None else order.line(team_id)
        number = None if team_id is None else order.row_number(team_id)
        offset, limit = window.bounds(order.n_rows, number)
        if window.is_around_me and number is not None:
            rows = self._rows(hosted, question, split, shown, order.page(offset, limit))
            made = _Made(0.0, rows, order.n_rows, self._version(hosted, question))
        else:
            made = self._shared(hosted, question, split, shown, order, offset, limit)
        beside = self._rows(hosted, question, split, shown, [own]) if own is not None else []
        return Page(made.rows, offset, made.n_rows, next(iter(beside), None), made.version)

    def _shared(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        shown: Shown,
        order: Order,
        offset: int,
        limit: int,
    ) -> _Made:
        key = (hosted.slug, question.id, question.version, split, shown, offset, limit)
        with self._lock:
            known = self._made.get(key)
            if known is not None and time.monotonic() < known.at + PAGE_EVERY_S:
                return known
            version = self._version(hosted, question)
            rows = self._rows(hosted, question, split, shown, order.page(offset, limit))
            if known is not None and (known.rows, known.n_rows) == (rows, order.n_rows):
                # Nothing on this page changed: those who wait for it need not be told of a new version.
                version = known.version
            made = self._made[key] = _Made(time.monotonic(), rows, order.n_rows, version)
            self._made.move_to_end(key)
            if len(self._made) > MOST_PAGES:
                self._made.popitem(last=False)
            return made

    def _version(self, hosted: Hosted, question: HostedQuestion) -> int:
        return self._store.topic_version(f"board/{hosted.slug}/{question.id}")

    def _rows(
        self, hosted: Hosted, question: HostedQuestion, split: Split, shown: Shown, lines: Sequence[Line]
    ) -> list[models.BoardRow]:
        metric, places = question.question.metric, [line.place for line in lines]
        entries = {e.submission: e for e in self._store.chosen({p.submission: p.n_tries for p in places})}
        members = self._store.accounts.members(hosted.slug, [p.team for p in places if not p.is_baseline])
        plausible = self._standings.plausible(hosted, question, split, shown.sight)
        public = self._standings.order(hosted, question, Split.PUBLIC, shown.sight)
        rows = []
        for line in lines:
            entry = entries.get(line.place.submission)
            # It may have been judged again since the order was read.
            if entry is None or any(metric not in entry.scores[each] for each in Split):
                continue
            shake_up = None
            if split is Split.PRIVATE and line.rank is not None:
                before = public.line(line.place.team_id)
                shake_up = None if before is None or before.rank is None else before.rank - line.rank
            row = Row(line.rank, entry.team, entry, entry.scores[split][metric], line.place.n_tries, shake_up)
            rows.append(board_row(plausible.told(row), split, members, exact=shown.is_exact))
        return rows
