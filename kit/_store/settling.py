"""Settles rejudges: when all of one is judged, its judgements begin to count, all at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kit._store.best import refresh
from kit._store.database import Connections, Row, bump
from kit._store.ledger import give_all_back
from kit._store.versions import put_in_force
from kit.clock import to_text

IN_SCOPE = (
    "s.competition = :competition and s.question = :question "
    "and (:scope = '' or s.id in (select value from json_each(:scope))) "
    "and not exists (select 1 from judgement c where c.submission_id = s.id and c.verdict = 'cancelled')"
)
"""What a team cancelled it took back, and was not charged for: it is never judged again."""
LAST_OF = (
    "select r.submission_id, max(r.id) as judgement_id from judgement r "
    "where r.rejudge_id = :id and r.state in ('SCORED', 'REJECTED') "
    "and not exists (select 1 from judgement c "
    "where c.submission_id = r.submission_id and c.verdict = 'cancelled') group by r.submission_id"
)
"""The judgements of a rejudge that will count."""


def settle(c: Connections, db: Any, rejudge_id: int, now: datetime) -> None:
    """Bring a rejudge's state up to date after one of its judgements ended; inside a transaction."""
    rejudge = c.row("select * from rejudge where id = ?", [rejudge_id])
    assert rejudge is not None
    bump(db, f"rejudges/{rejudge['competition']}")
    if rejudge["state"] != "running" or _is_under_way(c, rejudge):
        return
    if rejudge["is_dry_run"]:
        _end(db, rejudge, "ready", None)
    elif rejudge["scope"] and rejudge["version_id"] != _in_force(c, rejudge):
        # Since it began all were judged under another version: a few under the old one would mix the two.
        _end(db, rejudge, "overtaken", now)
    elif _would_lose_scores(c, rejudge):
        _end(db, rejudge, "blocked", None)
    else:
        _count(c, db, rejudge, now)


def _is_under_way(c: Connections, rejudge: Row) -> bool:
    sql = "select 1 from judgement where rejudge_id = ? and state = ? limit 1"
    if any(c.row(sql, [rejudge["id"], state]) for state in ("QUEUED", "RUNNING")):
        return True
    missing = (
        f"select 1 from submission s where {IN_SCOPE} and not exists (select 1 from judgement j "
        "where j.rejudge_id = :id and j.submission_id = s.id) limit 1"
    )
    return c.row(missing, rejudge) is not None


def _in_force(c: Connections, rejudge: Row) -> int:
    sql = "select version_id from version_in_force where competition = ? and question = ? order by id desc"
    row = c.row(f"{sql} limit 1", [rejudge["competition"], rejudge["question"]])
    return 0 if row is None else int(row["version_id"])


def _would_lose_scores(c: Connections, rejudge: Row) -> bool:
    """Whether it ended as our ERROR for a submission that was judged before, or may still be."""
    sql = (
        "select 1 from judgement j join standing n on n.submission_id = j.submission_id "
        "join judgement b on b.id = n.judgement_id where j.rejudge_id = :id and j.state = 'ERROR' "
        "and b.state != 'ERROR' and not exists (select 1 from judgement again "
        "where again.rejudge_id = :id and again.submission_id = j.submission_id and again.id > j.id) limit 1"
    )
    return c.row(sql, rejudge) is not None


def _count(c: Connections, db: Any, rejudge: Row, now: datetime) -> None:
    given = {**rejudge, "now": to_text(now)}
    last = c.row("select coalesce(max(id), 0) as id from counted")
    assert last is not None
    db.conn.execute(f"insert or replace into standing (submission_id, judgement_id) {LAST_OF}", given)
    db.conn.execute(
        "insert into counted (submission_id, judgement_id, at) "
        f"select submission_id, judgement_id, :now from ({LAST_OF})",
        given,
    )
    refresh(c, db, rejudge["competition"], rejudge["question"], _teams(c, rejudge))
    give_all_back(db, _OWED, given)
    _end(db, rejudge, "done", now, last_counted_id=last["id"])
    if rejudge["version_id"] != _in_force(c, rejudge):
        put_in_force(db, rejudge["competition"], rejudge["question"], rejudge["version_id"], now)
    bump(db, f"board/{rejudge['competition']}/{rejudge['question']}", f"submissions/{rejudge['competition']}")
    db.conn.execute(_TELL_TEAMS, given)


def _teams(c: Connections, rejudge: Row) -> list[int]:
    sql = f"select distinct s.team_id from submission s join ({LAST_OF}) last on last.submission_id = s.id"
    return [row["team_id"] for row in c.rows(sql, rejudge)]


_OWED = (
    "select last.submission_id, j.refund as reason "
    f"from ({LAST_OF}) last join judgement j on j.id = last.judgement_id and j.refund is not null"
)
_TELL_TEAMS = (
    "insert into topic (name, version) select 'team/' || team_id, (select max(version) from topic) "
    "+ row_number() over (order by team_id) from (select distinct s.team_id "
    "from judgement j join submission s on s.id = j.submission_id where j.rejudge_id = :id) where true "
    "on conflict (name) do update set version = excluded.version"
)


def _end(
    db: Any, rejudge: Row, state: str, ended_at: datetime | None, *, last_counted_id: int | None = None
) -> None:
    facts = {"state": state, "ended_at": to_text(ended_at) if ended_at else None}
    db.table("rejudge").update(rejudge["id"], {**facts, "last_counted_id": last_counted_id})
