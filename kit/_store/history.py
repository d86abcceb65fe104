"""Reads leaderboards' entries as they were: at a moment, under a version, before and after a rejudge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit._store.boards import entries_of
from kit._store.database import Connections, Row
from kit._store.judgements import judgements_by_id
from kit._store.settling import LAST_OF
from kit.clock import to_text
from kit.leaderboard import Entry
from kit.submission import Judgement

_COUNTED = (
    "select submission_id, judgement_id from counted where id in (select max(c.id) from counted c "
    "join submission s on s.id = c.submission_id where s.competition = :competition "
    "and s.question = :question and {when} group by c.submission_id)"
)
_OF_VERSION = (
    "select j.submission_id, max(j.id) as judgement_id from judgement j "
    "join question_version v on v.id = j.version_id where v.competition = :competition "
    "and v.question = :question and v.hash = :version and j.state in ('SCORED', 'REJECTED') "
    "group by j.submission_id"
)


class History:
    """Entries of leaderboards that are not the present one."""

    def __init__(self, connections: Connections) -> None:
        self._c = connections

    def at(self, competition: str, question: str, at: datetime) -> list[Entry]:
        """What counted at a moment; the choice of submissions is the present one."""
        given = {"competition": competition, "question": question, "at": to_text(at)}
        return entries_of(self._c, _COUNTED.format(when="c.at <= :at"), given)

    def of_version(self, competition: str, question: str, version: str) -> list[Entry]:
        """Everything as it was last judged under a version, also where that never counted."""
        given = {"competition": competition, "question": question, "version": version}
        return entries_of(self._c, _OF_VERSION, given)

    def before(self, rejudge_id: int) -> list[Entry]:
        """What counted before a rejudge did, or now where it does not yet."""
        given = self._given(rejudge_id)
        return entries_of(self._c, _before(given), given)

    def after(self, rejudge_id: int) -> list[Entry]:
        """As `before`, with the rejudge's judgements in the place of those it replaces."""
        given = self._given(rejudge_id)
        pointers = (
            f"{LAST_OF} union all select submission_id, judgement_id from ({_before(given)}) "
            f"where submission_id not in (select submission_id from ({LAST_OF}))"
        )
        return entries_of(self._c, pointers, given)

    def changes(self, rejudge_id: int, team_id: int) -> list[tuple[int, Judgement | None, Judgement]]:
        """Of a team, each submission of a rejudge that counts: its judgement before, and then."""
        given = {**self._given(rejudge_id), "team": team_id}
        rows = self._c.rows(
            f"select last.submission_id, last.judgement_id as after, "
            "(select c.judgement_id from counted c where c.submission_id = last.submission_id "
            "and c.id <= :last_counted_id order by c.id desc limit 1) as before "
            f"from ({LAST_OF}) last join submission s on s.id = last.submission_id where s.team_id = :team "
            "order by last.submission_id desc",
            given,
        )
        ids = [row[key] for row in rows for key in ("before", "after") if row[key] is not None]
        known = judgements_by_id(self._c, ids)
        return [(row["submission_id"], known.get(row["before"]), known[row["after"]]) for row in rows]

    def _given(self, rejudge_id: int) -> Row:
        row = self._c.row("select * from rejudge where id = ?", [rejudge_id])
        assert row is not None
        return row


def _before(rejudge: Mapping[str, Any]) -> str:
    # 1 is always true: without a rejudge that counts, the present is what is compared with.
    when = "1" if rejudge["last_counted_id"] is None else "c.id <= :last_counted_id"
    return _COUNTED.format(when=when)
