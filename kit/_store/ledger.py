"""The ledger of limits: what submissions used up, and what was given back, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit._store.database import Connections, Row
from kit.clock import from_text, to_text
from kit.competition import Competition, Phase, Question
from kit.limits import Usage, day_of

# The sum is -1 while the debit stands: a second refund of the same submission is impossible.
_REFUND = (
    "insert into ledger (team_id, competition, question, phase, submission_id, day, delta, reason, at) "
    "select l.team_id, l.competition, l.question, l.phase, l.submission_id, l.day, 1, owed.reason, :now "
    "from ({owed}) owed join ledger l on l.submission_id = owed.submission_id "
    "group by l.submission_id having sum(l.delta) = -1"
)


def debit(
    db: Any,
    competition: Competition,
    question: Question,
    phase: Phase,
    team_id: int,
    submission_id: int,
    now: datetime,
) -> None:
    """Note that a submission uses up one of its team's; inside a transaction."""
    row = {"team_id": team_id, "competition": competition.slug, "question": question.id}
    row |= {"phase": phase.id, "submission_id": submission_id, "day": to_text(day_of(competition, now))}
    db.table("ledger").insert({**row, "delta": -1, "reason": "submitted", "at": to_text(now)})


def give_back(db: Any, submission_id: int, reason: str, now: datetime) -> None:
    """Give back what a submission used up, unless that was done before; inside a transaction."""
    given = {"submission": submission_id, "reason": reason, "now": to_text(now)}
    give_all_back(db, "select :submission as submission_id, :reason as reason", given)


def give_all_back(db: Any, owed: str, given: Mapping[str, Any]) -> None:
    """The same for each ``submission_id`` and ``reason`` that a query gives; ``given`` holds ``now``."""
    db.conn.execute(_REFUND.format(owed=owed), given)


def read_usage(
    c: Connections, competition: Competition, question: Question, phase: Phase, team_id: int, now: datetime
) -> Usage:
    """What a team has used of its limits, refunds taken off."""
    day = to_text(day_of(competition, now))
    used = c.row(
        "select coalesce(-sum(delta), 0) as used, coalesce(-sum(delta) filter (where day = ?), 0) "
        "as used_today from ledger where team_id = ? and question = ? and phase = ?",
        [day, team_id, question.id, phase.id],
    )
    last = c.row(
        "select max(submitted_at) as at from submission where team_id = ? and question = ?",
        [team_id, question.id],
    )
    waiting = c.row(
        "select count(*) as n from judgement j join submission s on s.id = j.submission_id "
        "where j.state in ('QUEUED', 'RUNNING') and j.rejudge_id is null "
        "and s.team_id = ? and s.question = ?",
        [team_id, question.id],
    )
    assert used and last and waiting
    last_at = from_text(last["at"]) if last["at"] else None
    return Usage(used["used_today"], used["used"], waiting["n"], last_at)


def read_ledger(c: Connections, competition: str, team_id: int) -> list[Row]:
    """Each debit and refund of a team's limits, oldest first."""
    return c.rows(
        "select at, question, phase, submission_id, delta, reason from ledger "
        "where competition = ? and team_id = ? order by id",
        [competition, team_id],
    )
