"""Pages of leaderboards that are too long to be sent whole, each with the asker's own row beside it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from kit.clock import from_text
from kit.leaderboard import Entry, Row
from kit.service import models
from kit.service.columns import Columns
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.rows import board_row
from kit.service.standings import Line, Order, Standings
from kit.service.view import View, view_of_bytes
from kit.service.window import Shown, Window
from kit.store import Store
from kit.submission import Split

PAGE_EVERY_S = 1.0
"""A page is made at most so often, for all who ask for it; ranks of single teams are never old."""
MOST_PAGES = 200

_ROWS = TypeAdapter(list[models.BoardRow])


@dataclass(frozen=True)
class Page:
    """Some rows as JSON, and the leaderboard around them, which has none itself."""

    board: models.Leaderboard
    rows_json: bytes

    def view(self, own: models.BoardRow | None, topics: Sequence[str]) -> View:
        """The page as bytes, with the asker's row."""
        # The rows come last, so that they need not be written again for each who asks.
        head = self.board.model_copy(update={"own": own}).model_dump_json().encode()
        return view_of_bytes(head.removesuffix(b"[]}") + self.rows_json + b"}", topics)


@dataclass
class _Slot:
    """A page that is shared: made by one while the others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    made: Page | None = None
    at: float = 0.0


@dataclass(frozen=True)
class _Asked:
    """A leaderboard as it stands, and how it is to be shown."""

    hosted: Hosted
    question: HostedQuestion
    split: Split
    shown: Shown
    order: Order


class Pages:
    """Makes pages; the same one for all who ask for it at about the same time."""

    def __init__(self, store: Store, standings: Standings, columns: Columns) -> None:
        self._store = store
        self._standings = standings
        self._columns = columns
        self._slots: OrderedDict[tuple[object, ...], _Slot] = OrderedDict()
        self._guard = threading.Lock()

    def page(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        shown: Shown,
        window: Window,
        team_id: int | None,
    ) -> tuple[Page, models.BoardRow | None]:
        """A page of a question's leaderboard, and the row of a team."""
        order = self._standings.order(hosted, question, split, shown.sight)
        asked = _Asked(hosted, question, split, shown, order)
        own = None if team_id is None else order.line(team_id)
        number = None if team_id is None else order.row_number(team_id)
        offset, limit = window.bounds(order.n_rows, number)
        if own is None:
            return self._shared(asked, offset, limit), None
        if not window.is_around_me:
            return self._shared(asked, offset, limit), next(iter(self._rows(asked, [own])), None)
        lines = order.page(offset, limit)
        rows = self._rows(asked, lines)
        page = self._made(asked, self._version(asked), offset, rows)
        # A change may have come between, and moved the row away from the page.
        own = next((line for line in lines if line.place.team_id == team_id), None) or own
        among = [row for row in rows if row.submission == own.place.submission]
        return page, next(iter(among or self._rows(asked, [own])), None)

    def _shared(self, asked: _Asked, offset: int, limit: int) -> Page:
        question = asked.question
        key = (asked.hosted.slug, question.id, question.version, asked.split, asked.shown, offset, limit)
        with self._guard:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > MOST_PAGES:
                self._slots.popitem(last=False)
        with slot.lock:
            known = slot.made
            if known is not None and time.monotonic() < slot.at + PAGE_EVERY_S:
                return known
            version = self._version(asked)
            made = self._made(asked, version, offset, self._rows(asked, asked.order.page(offset, limit)))
            if known is not None and _is_same(known, made):
                # Nothing on this page changed: those who wait for it need not be told of a new version.
                made.board.version = known.board.version
            slot.made, slot.at = made, time.monotonic()
            return made

    def _made(self, asked: _Asked, version: int, offset: int, rows: list[models.BoardRow]) -> Page:
        board = self._columns.board(asked.hosted, asked.question, asked.split, asked.shown, version, rows)
        around = {"rows": [], "n_rows": asked.order.n_rows, "offset": offset}
        return Page(board.model_copy(update=around), _ROWS.dump_json(rows))

    def _version(self, asked: _Asked) -> int:
        return self._store.topic_version(f"board/{asked.hosted.slug}/{asked.question.id}")

    def _rows(self, asked: _Asked, lines: Sequence[Line]) -> list[models.BoardRow]:
        """Lines as they are told, with all columns."""
        hosted, question, split, shown = asked.hosted, asked.question, asked.split, asked.shown
        places = [line.place for line in lines]
        scores = self._store.scores([place.judgement for place in places], split)
        members = self._store.accounts.members(hosted.slug, [p.team for p in places if not p.is_baseline])
        plausible = self._standings.plausible(hosted, question, split, shown.sight)
        public = None
        if split is Split.PRIVATE:
            public = self._standings.order(hosted, question, Split.PUBLIC, shown.sight)
        rows = []
        for line in lines:
            place, found = line.place, scores.get(line.place.judgement, {})
            if (score := found.get(question.question.metric)) is None:
                continue
            before = None if public is None else public.line(place.team_id)
            entry = Entry(
                submission=place.submission,
                team=place.team,
                submitted_at=from_text(place.submitted_at),
                scores={split: found},
                is_baseline=place.is_baseline,
                note=self._store.submissions.get(place.submission).note if place.is_baseline else "",
                judgement=place.judgement,
                version=place.version,
            )
            row = Row(line.rank, place.team, entry, score, place.n_tries, _shake_up(line, before))
            rows.append(board_row(plausible.told(row), split, members, exact=shown.is_exact))
        return self._columns.fill(hosted, question, rows, shown, "team")


def _shake_up(line: Line, before: Line | None) -> int | None:
    if line.rank is None or before is None or before.rank is None:
        return None
    return before.rank - line.rank


def _is_same(a: Page, b: Page) -> bool:
    return (a.rows_json, a.board.n_rows) == (b.rows_json, b.board.n_rows)
