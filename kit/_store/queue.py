"""The queue of judgements: who judges what, and that each ends once, whatever dies in between.

Contract
--------
A judgement is RUNNING for the worker that claimed it, as long as it renews its lease. Only that worker
may finish it. A lease that ran out puts it back in the queue; after MAX_ATTEMPTS it ends as ERROR.
All methods are safe to call from several threads and processes at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit._store.database import Connections, Row, bump
from kit._store.settling import settle
from kit._store.tries import sketch_row
from kit.clock import to_text
from kit.submission import Outcome, State

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Claim:
    """A judgement to be made by the worker that claimed it."""

    judgement_id: int
    submission_id: int
    competition: str
    question: str
    sha256: str
    filename: str
    version: str
    """Hash of the version of the question to judge it under."""
    worker: str


class Queue:
    """Hands out judgements and takes their outcomes."""

    def __init__(self, connections: Connections) -> None:
        self._c = connections

    def claim(self, worker: str, *, now: datetime, lease_s: float) -> Claim | None:
        """Claim the oldest waiting judgement, or None where none waits; rejudgements come last."""
        with self._c.write() as db:
            self._requeue_expired(db, now)
            row = self._next("judgement_first", "rejudge_id is null")
            row = row or self._next("judgement_again", "rejudge_id is not null")
            if row is None:
                return None
            db.conn.execute(
                "update judgement set state = 'RUNNING', worker = ?, started_at = ?, lease_until = ?, "
                "attempts = attempts + 1 where id = ?",
                (worker, to_text(now), to_text(now + timedelta(seconds=lease_s)), row["judgement_id"]),
            )
            team_id, is_again = row.pop("team_id"), row.pop("rejudge_id") is not None
            # Of a rejudgement nobody but the organizers hears before it counts.
            told = () if is_again else (f"team/{team_id}", f"submissions/{row['competition']}")
            bump(db, *told, "queue")
        return Claim(**row, worker=worker)

    def _next(self, index: str, which: str) -> Row | None:
        # By name: SQLite would take an index that leads through everything that waits.
        return self._c.row(
            "select j.id as judgement_id, s.id as submission_id, s.competition, s.question, s.sha256, "
            "s.filename, s.team_id, v.hash as version, j.rejudge_id from judgement j "
            "join submission s on s.id = j.submission_id join question_version v on v.id = j.version_id "
            f"where j.id = (select min(id) from judgement indexed by {index} "
            f"where state = 'QUEUED' and {which})"
        )

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._c.row("select 1 from judgement where state = 'QUEUED' limit 1") is None

    def renew(self, claim: Claim, *, now: datetime, lease_s: float) -> bool:
        """Renew a claim's lease; False where it was lost to another worker."""
        with self._c.write() as db:
            cursor = db.conn.execute(
                "update judgement set lease_until = ? where id = ? and worker = ? and state = 'RUNNING'",
                (to_text(now + timedelta(seconds=lease_s)), claim.judgement_id, claim.worker),
            )
            return cursor.rowcount == 1

    def release(self, claim: Claim) -> None:
        """Give a claim back, unjudged and uncounted: its worker is shutting down."""
        with self._c.write() as db:
            db.conn.execute(
                "update judgement set state = 'QUEUED', worker = null, lease_until = null, "
                "attempts = attempts - 1 where id = ? and worker = ? and state = 'RUNNING'",
                (claim.judgement_id, claim.worker),
            )
            bump(db, "queue")

    def release_all(self, *, now: datetime) -> None:
        """Put every RUNNING judgement back: called by the one judge of a store when it starts."""
        with self._c.write() as db:
            db.conn.execute("update judgement set lease_until = ? where state = 'RUNNING'", (to_text(now),))
            self._requeue_expired(db, now)

    def finish(self, claim: Claim, outcome: Outcome, *, now: datetime, refund: str | None = None) -> bool:
        """Write a claim's outcome; False, and nothing written, where the claim was lost meanwhile.

        Parameters
        ----------
        refund : str, optional
            Why the submission does not count against its team's limit; not counted, then.
        """
        with self._c.write() as db:
            sql = "select 1 from judgement where id = ? and worker = ? and state = 'RUNNING'"
            if self._c.row(sql, [claim.judgement_id, claim.worker]) is None:
                return False
            for s in outcome.scores:
                row = {"judgement_id": claim.judgement_id, "metric": s.metric, "split": s.split.value}
                row |= {"score": s.score, "low": s.low, "high": s.high, "level": s.level}
                row |= {"n_rows": s.n_rows, "n_resamples": s.n_resamples, "se": s.se, "warning": s.warning}
                db.table("score").insert(row)
            for e in outcome.evidence:
                row = {"judgement_id": claim.judgement_id, "split": e.split.value}
                row |= {"influences": vector_bytes(e.influences), "resampled": vector_bytes(e.resampled)}
                db.table("evidence").insert(row)
            if outcome.sketch is not None:
                db.table("sketch").insert(sketch_row(claim.judgement_id, outcome.sketch))
            self._end(db, claim.judgement_id, outcome, now, refund)
        return True

    def _end(self, db: Any, judgement_id: int, outcome: Outcome, now: datetime, refund: str | None) -> None:
        row = self._c.row(
            "select s.id, s.team_id, s.competition, s.question, j.rejudge_id from submission s "
            "join judgement j on j.submission_id = s.id where j.id = ?",
            [judgement_id],
        )
        assert row is not None
        is_error = outcome.state is State.ERROR
        incident = self._incident(db, row["id"], outcome.detail, now) if is_error else None
        refund = f"{refund} ({incident})" if refund and incident else refund
        db.conn.execute(
            "update judgement set state = ?, verdict = ?, reasons = ?, incident = ?, finished_at = ?, "
            "refund = ?, lease_until = null where id = ?",
            (
                outcome.state.value,
                outcome.verdict,
                json.dumps(outcome.reasons),
                incident,
                to_text(now),
                refund,
                judgement_id,
            ),
        )
        bump(db, "queue")
        if row["rejudge_id"] is not None:
            # It counts, and refunds, when all of its rejudge is done.
            settle(self._c, db, row["rejudge_id"], now)
            return
        if not is_error:
            self._count(db, row["id"], judgement_id, now)
        if refund is not None:
            self._refund(db, row["id"], refund, now)
        bump(db, f"team/{row['team_id']}", f"submissions/{row['competition']}")
        bump(db, f"board/{row['competition']}/{row['question']}")

    def _count(self, db: Any, submission_id: int, judgement_id: int, now: datetime) -> None:
        # Not where a rejudgement, which is newer, counts already. An ERROR is ours: it never takes a score.
        cursor = db.conn.execute(
            "update standing set judgement_id = ?1 where submission_id = ?2 and judgement_id <= ?1",
            (judgement_id, submission_id),
        )
        if cursor.rowcount:
            row = {"submission_id": submission_id, "judgement_id": judgement_id, "at": to_text(now)}
            db.table("counted").insert(row)

    def _incident(self, db: Any, submission_id: int, detail: str, now: datetime) -> str:
        incident = new_incident_number()
        row = {"id": incident, "at": to_text(now), "place": "judging", "detail": detail}
        db.table("incident").insert({**row, "submission_id": submission_id})
        return incident

    def _refund(self, db: Any, submission_id: int, reason: str, now: datetime) -> None:
        # The sum is -1 while the debit stands: a second refund of the same submission is impossible.
        db.conn.execute(
            "insert into ledger "
            "(team_id, competition, question, phase, submission_id, day, delta, reason, at) "
            "select team_id, competition, question, phase, submission_id, day, 1, ?, ? from ledger "
            "where submission_id = ? group by submission_id having sum(delta) = -1",
            (reason, to_text(now), submission_id),
        )

    def _requeue_expired(self, db: Any, now: datetime) -> None:
        sql = "select id, attempts from judgement where state = 'RUNNING' and lease_until <= ?"
        for row in self._c.rows(sql, [to_text(now)]):
            if row["attempts"] >= MAX_ATTEMPTS:
                detail = f"Its worker died {row['attempts']} times while judging it."
                self._end(db, row["id"], Outcome(State.ERROR, detail=detail), now, "error of the service")
            else:
                db.conn.execute(
                    "update judgement set state = 'QUEUED', worker = null, lease_until = null where id = ?",
                    (row["id"],),
                )
            bump(db, "queue")

    def counts(self) -> dict[str, int]:
        """How many judgements are QUEUED and RUNNING."""
        sql = "select state, count(*) as n from judgement where state in ('QUEUED', 'RUNNING') group by 1"
        found = {row["state"]: row["n"] for row in self._c.rows(sql)}
        return {"queued": found.get("QUEUED", 0), "running": found.get("RUNNING", 0)}

    def states(self) -> dict[str, int]:
        """How many submissions stand in each state."""
        sql = "select state, count(*) as n from judgement where id in (select judgement_id from standing) "
        sql += "group by state"
        return {row["state"]: row["n"] for row in self._c.rows(sql)}

    def listing(self, states: Sequence[State], *, limit: int = 200, newest: bool = False) -> list[Row]:
        """Judgements in given states with their submissions, oldest (or newest) first, for organizers."""
        order = "desc" if newest else "asc"
        marks = ", ".join("?" for _ in states)
        return self._c.rows(
            "select s.id as submission, s.competition, s.question, t.name as team, j.state, j.queued_at, "
            "j.started_at, j.worker, j.attempts, j.incident, j.finished_at, j.rejudge_id as rejudge, "
            "i.detail from judgement j join submission s on s.id = j.submission_id "
            "join team t on t.id = s.team_id "
            f"left join incident i on i.id = j.incident where j.state in ({marks}) "
            f"order by j.rejudge_id is not null and j.state = 'QUEUED', j.id {order} limit {limit}",
            [s.value for s in states],
        )

    def seen(self, worker: str, pid: int, *, now: datetime) -> None:
        """Note that a worker is alive."""
        with self._c.write() as db:
            db.conn.execute(
                "insert into worker (id, pid, started_at, seen_at) values (?, ?, ?, ?) "
                "on conflict (id) do update set seen_at = excluded.seen_at",
                (worker, pid, to_text(now), to_text(now)),
            )

    def workers(self, *, since: datetime) -> list[Row]:
        """Workers seen since a time."""
        return self._c.rows("select * from worker where seen_at >= ? order by id", [to_text(since)])


def vector_bytes(vector: NDArray[np.float32]) -> bytes:
    """A vector as it is kept: little-endian float32."""
    return vector.astype("<f4").tobytes()


def vector_of(content: bytes) -> NDArray[np.float32]:
    """The inverse of ``vector_bytes``."""
    return np.frombuffer(content, dtype="<f4")


def new_incident_number() -> str:
    """A number to quote to an organizer, such as K7QD-M2XA; says nothing by itself."""
    letters = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
