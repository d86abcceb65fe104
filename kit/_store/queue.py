"""The queue of judgements: who judges what, and that each ends once, whatever dies in between.

Contract
--------
A judgement is RUNNING for the worker that claimed it, as long as it renews its lease. Only that worker
may finish it. A lease that ran out puts it back in the queue; after MAX_ATTEMPTS it ends as ERROR. What
waits in one lane never waits for another; within a lane teams take turns, and rejudgements come last.
All methods are safe to call from several threads and processes at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kit._store.best import refresh
from kit._store.database import Connections, Row, bump
from kit._store.ledger import give_back
from kit._store.outcomes import write_outcome
from kit._store.settling import settle
from kit._store.turns import ids_of, next_in, reach, waits_in
from kit.clock import to_text
from kit.errors import InvalidRequest
from kit.submission import Kind, Lane, Outcome, State, Verdict

MAX_ATTEMPTS = 3
CANCELLED = Outcome(State.REJECTED, (), Verdict.CANCELLED, ("Cancelled by its team.",))
_NO_FILES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Claim:
    """A judgement to be made by the worker that claimed it."""

    judgement_id: int
    submission_id: int
    competition: str
    question: str
    sha256: str
    filename: str
    kind: Kind
    version: str
    """Hash of the version of the question to judge it under."""
    worker: str
    attempt: int
    """1 for the first."""


class Queue:
    """Hands out judgements and takes their outcomes."""

    def __init__(self, connections: Connections) -> None:
        self._c = connections

    def claim(self, worker: str, *, now: datetime, lease_s: float, lane: Lane = Lane.QUICK) -> Claim | None:
        """Claim what is next in a lane, or None where nothing waits there."""
        with self._c.write() as db:
            self._requeue_expired(db, now)
            row = next_in(self._c, lane)
            if row is None:
                return None
            db.conn.execute(
                "update judgement set state = 'RUNNING', worker = ?, started_at = ?, lease_until = ?, "
                "attempts = attempts + 1 where id = ?",
                (worker, to_text(now), to_text(now + timedelta(seconds=lease_s)), row["judgement_id"]),
            )
            reach(db, lane, row.pop("turn"))
            # What an earlier attempt told of its folds is void.
            db.conn.execute("delete from run where judgement_id = ?", (row["judgement_id"],))
            team_id, is_again = row.pop("team_id"), row.pop("rejudge_id") is not None
            # Of a rejudgement nobody but the organizers hears before it counts.
            told = () if is_again else (f"team/{team_id}", f"submissions/{row['competition']}")
            bump(db, *told, "queue")
        attempt = row.pop("attempts") + 1
        return Claim(**{**row, "kind": Kind(row["kind"])}, worker=worker, attempt=attempt)

    def is_empty(self, lane: Lane = Lane.QUICK) -> bool:
        """Whether nothing waits in a lane."""
        return not waits_in(self._c, lane)

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

    def abandon(self, claim: Claim, *, now: datetime) -> None:
        """Put a claim back whose worker died: judged again, or after MAX_ATTEMPTS an ERROR."""
        with self._c.write() as db:
            db.conn.execute(
                "update judgement set lease_until = ? where id = ? and worker = ? and state = 'RUNNING'",
                (to_text(now), claim.judgement_id, claim.worker),
            )
            self._requeue_expired(db, now)

    def cancel(self, submission_id: int, user_id: int, *, now: datetime) -> None:
        """Take back a submission: what waits ends at once, what runs when its judge hears of it.

        Raises
        ------
        InvalidRequest
            It has been judged.
        """
        with self._c.write() as db:
            row = self._c.row(
                "select j.id, j.state, s.team_id, s.competition from judgement j "
                "join submission s on s.id = j.submission_id where s.id = ? and j.rejudge_id is null "
                "order by j.id desc limit 1",
                [submission_id],
            )
            if row is None or State(row["state"]).is_final:
                state = "unknown" if row is None else row["state"]
                raise InvalidRequest(f"Submission {submission_id} is {state}: there is nothing to cancel.")
            asked = {"submission_id": submission_id, "user_id": user_id, "at": to_text(now)}
            db.table("cancel_request").insert(asked, ignore=True)
            if row["state"] == State.QUEUED:
                self._end(db, row["id"], CANCELLED, now, "not counted: cancelled while it waited")
            bump(db, f"team/{row['team_id']}", f"submissions/{row['competition']}")

    def cancelled(self, submission_ids: Sequence[int]) -> set[int]:
        """Those of some submissions that their teams want cancelled."""
        sql = "select submission_id as id from cancel_request where submission_id in "
        sql += "(select value from json_each(?))"
        return {row["id"] for row in self._c.rows(sql, [json.dumps(list(submission_ids))])}

    def release_all(self, *, now: datetime) -> None:
        """Put every RUNNING judgement back: called by the one judge of a store when it starts."""
        with self._c.write() as db:
            which = "indexed by judgement_running set lease_until = ? where state = 'RUNNING'"
            db.conn.execute(f"update judgement {which}", (to_text(now),))
            self._requeue_expired(db, now)

    def finish(
        self,
        claim: Claim,
        outcome: Outcome,
        *,
        now: datetime,
        refund: str | None = None,
        files: Mapping[str, str] = _NO_FILES,
    ) -> bool:
        """Write a claim's outcome; False, and nothing written, where the claim was lost meanwhile.

        Parameters
        ----------
        refund : str, optional
            Why the submission does not count against its team's limit; not counted, then.
        files : mapping of str to str
            SHA-256 of the kept files of ``outcome.code``, by their names.
        """
        with self._c.write() as db:
            sql = "select 1 from judgement where id = ? and worker = ? and state = 'RUNNING'"
            if self._c.row(sql, [claim.judgement_id, claim.worker]) is None:
                return False
            write_outcome(db, claim.judgement_id, outcome, files)
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
        db.conn.execute(
            "update run set state = 'failed' where judgement_id = ? and state = 'running'", (judgement_id,)
        )
        bump(db, "queue")
        if row["rejudge_id"] is not None:
            # It counts, and refunds, when all of its rejudge is done.
            settle(self._c, db, row["rejudge_id"], now)
            return
        if outcome.verdict is Verdict.CANCELLED:
            self._drop_again(db, row["id"], now)
        else:
            # Too late: it has been judged.
            db.conn.execute("delete from cancel_request where submission_id = ?", (row["id"],))
        if not is_error:
            self._count(db, row, judgement_id, now)
        if refund is not None:
            give_back(db, row["id"], refund, now)
        bump(db, f"team/{row['team_id']}", f"submissions/{row['competition']}")
        bump(db, f"board/{row['competition']}/{row['question']}")

    def _count(self, db: Any, submission: Row, judgement_id: int, now: datetime) -> None:
        # Not where a rejudgement, which is newer, counts already. An ERROR is ours: it never takes a score.
        cursor = db.conn.execute(
            "update standing set judgement_id = ?1 where submission_id = ?2 and judgement_id <= ?1",
            (judgement_id, submission["id"]),
        )
        if cursor.rowcount:
            row = {"submission_id": submission["id"], "judgement_id": judgement_id, "at": to_text(now)}
            db.table("counted").insert(row)
            refresh(self._c, db, submission["competition"], submission["question"], [submission["team_id"]])

    def _drop_again(self, db: Any, submission_id: int, now: datetime) -> None:
        """Take a cancelled submission out of the rejudges that wait for it."""
        which = "from judgement where submission_id = ? and rejudge_id is not null and state = 'QUEUED'"
        rejudges = self._c.rows(f"select distinct rejudge_id as id {which}", [submission_id])
        db.conn.execute(f"delete {which}", (submission_id,))
        for rejudge in rejudges:
            settle(self._c, db, rejudge["id"], now)

    def _incident(self, db: Any, submission_id: int, detail: str, now: datetime) -> str:
        incident = new_incident_number()
        row = {"id": incident, "at": to_text(now), "place": "judging", "detail": detail}
        db.table("incident").insert({**row, "submission_id": submission_id})
        return incident

    def _requeue_expired(self, db: Any, now: datetime) -> None:
        sql = "select id, submission_id, attempts from judgement indexed by judgement_running "
        sql += "where state = 'RUNNING' and lease_until <= ?"
        for row in self._c.rows(sql, [to_text(now)]):
            if self.cancelled([row["submission_id"]]):
                self._end(db, row["id"], CANCELLED, now, "not counted: cancelled")
            elif row["attempts"] >= MAX_ATTEMPTS:
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

    def waiting(self) -> dict[str, int]:
        """How many judgements wait in each lane."""
        sql = "select lane, count(*) as n from judgement where state = 'QUEUED' group by lane"
        found = {row["lane"]: row["n"] for row in self._c.rows(sql)}
        return {lane.value: found.get(lane.value, 0) for lane in Lane}

    def states(self) -> dict[str, int]:
        """How many submissions stand in each state."""
        sql = "select state, count(*) as n from judgement where id in (select judgement_id from standing) "
        sql += "group by state"
        return {row["state"]: row["n"] for row in self._c.rows(sql)}

    def listing(self, states: Sequence[State], *, limit: int = 200, newest: bool = False) -> list[Row]:
        """Judgements with their submissions, oldest (or newest) first; what waits in its order, by lanes."""
        order = "desc" if newest else "asc"
        ids = " union all ".join(ids_of(state, order, limit) for state in states)
        return self._c.rows(
            "select s.id as submission, s.competition, s.question, t.name as team, j.state, j.queued_at, "
            "j.started_at, j.worker, j.attempts, j.incident, j.finished_at, j.rejudge_id as rejudge, "
            "s.kind, j.lane, (select count(*) from run r where r.judgement_id = j.id) as n_folds, "
            "(select count(*) from run r where r.judgement_id = j.id and r.state in ('done', 'failed')) "
            "as n_done, i.detail from judgement j join submission s on s.id = j.submission_id "
            "join team t on t.id = s.team_id "
            f"left join incident i on i.id = j.incident where j.id in ({ids}) "
            f"order by j.rejudge_id is not null and j.state = 'QUEUED', "
            f"case j.state when 'QUEUED' then j.lane end, case j.state when 'QUEUED' then j.turn end, "
            f"j.id {order} limit {limit}"
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


def new_incident_number() -> str:
    """A number to quote to an organizer, such as K7QD-M2XA; says nothing by itself."""
    letters = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
