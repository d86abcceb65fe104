"""The leaderboard over all questions, made of the order that each question's is kept in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kit.combined import Board, CombinedRow, combine
from kit.service import models
from kit.service.hosted import Hosted
from kit.service.rows import combined_row
from kit.service.standings import Standings
from kit.service.window import ALL_ROWS, Shown, Window
from kit.store import Store
from kit.submission import Split

Method = Literal["normalized", "mean_rank"]


@dataclass(frozen=True)
class Combined:
    """All rows, exact, and where each team's is among them."""

    rows: Sequence[CombinedRow]
    number_of: dict[str, int]
    version: int

    @property
    def is_large(self) -> bool:
        """Whether it comes by the page."""
        return len(self.rows) > ALL_ROWS


@dataclass(frozen=True)
class Combining:
    """Makes the leaderboard over all questions of a competition, and pages of it."""

    store: Store
    standings: Standings

    def make(self, hosted: Hosted, split: Split, method: Method, shown: Shown, version: int) -> Combined:
        """Rank all teams; nobody where scores are hidden."""
        rows: list[CombinedRow] = []
        if not shown.sight.is_hidden:
            boards = [
                Board(q.id, q.question.weight, self.standings.order(hosted, q, split, shown.sight).lines())
                for q in hosted.questions.values()
            ]
            rows = combine(boards, method=method)
        return Combined(rows, {row.team: number for number, row in enumerate(rows)}, version)

    def page(
        self,
        combined: Combined,
        hosted: Hosted,
        split: Split,
        method: Method,
        shown: Shown,
        window: Window,
        team: str | None,
    ) -> models.CombinedLeaderboard:
        """All rows, or some of them and the team's own."""
        found, own = combined.rows, None if team is None else combined.number_of.get(team)
        offset, limit = window.bounds(len(found), own)
        if window.is_whole and not combined.is_large:
            offset, limit, own = 0, len(found), None
        wanted = [*found[offset : offset + limit], *([] if own is None else [found[own]])]
        members = self.store.accounts.members(hosted.slug, [row.team for row in wanted])
        # Means of ranks are made of whole numbers that everyone sees.
        exact = shown.is_exact, shown.is_exact or method == "mean_rank"
        rows = [combined_row(row, members, *exact) for row in wanted]
        return models.CombinedLeaderboard(
            competition=hosted.slug,
            split=split.value,
            method=method,
            version=combined.version,
            closed=shown.is_closed,
            hidden=shown.sight.is_hidden,
            mode=shown.mode,
            exact=shown.is_exact,
            n_rows=len(found),
            offset=offset,
            own=None if own is None else rows.pop(),
            rows=rows,
        )
