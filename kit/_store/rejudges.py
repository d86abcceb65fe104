"""Rejudges: judging submissions again, in the background, so that all of it counts at once or not at all.

Contract
--------
The judgements of a rejudge are rows of the queue, behind every new submission. None counts before all are
made; then all do in one transaction, and where the rejudge was of the whole question under another version,
that version comes into force. A dry run ends before that. Only the submissions that still lack a judgement
are judged when a rejudge is started again. A submission that arrives while its whole question is rejudged
is judged twice: under the version in force, and with the rejudge.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit._store.database import Connections, Row, bump
from kit._store.settling import IN_SCOPE, settle
from kit._store.versions import Versions
from kit.clock import from_text, to_text
from kit.errors import InvalidRequest, NotFound

PAUSE_S = 0.1
CHUNK = 10_000
"""So many submissions are queued at once: between chunks, others write. What is missing keeps it running."""


@dataclass(frozen=True)
class Rejudge:
    """A rejudge and how far it is.

    ``state`` is running; stopped by an organizer; blocked, as what was scored before ended as our ERROR;
    ready, a dry run with everything judged; done, it counts; or overtaken by a rejudge of the whole question.
    """

    id: int
    competition: str
    question: str
    version: str
    from_version: str
    is_partial: bool
    is_dry_run: bool
    reason: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    n: int
    n_done: int
    n_errors: int


class Rejudges:
    """Starts, stops and reads rejudges."""

    def __init__(self, connections: Connections, versions: Versions) -> None:
        self._c = connections
        self._versions = versions

    def start(
        self,
        competition: str,
        question: str,
        version: str,
        *,
        now: datetime,
        submissions: Collection[int] | None = None,
        is_dry_run: bool = False,
        reason: str = "",
    ) -> Rejudge:
        """Judge submissions again (all, unless some are named), or go on with that.

        A dry run that is there already becomes the rejudge itself when one is asked for.

        Raises
        ------
        InvalidRequest
            A submission is not the question's.
        """
        scope = "" if submissions is None else json.dumps(sorted(set(submissions)))
        given: Row = {"competition": competition, "question": question, "scope": scope, "now": to_text(now)}
        with self._c.write() as db:
            self._check_scope(given)
            version_id = self._versions.add(db, competition, question, version, now)
            from_id = self._versions.current(db, competition, question, version, now)
            known = self._resumable({**given, "version_id": version_id})
            if known is None:
                row: Row = {
                    "version_id": version_id,
                    "from_version_id": from_id,
                    "is_dry_run": int(is_dry_run),
                }
                row |= {"reason": reason, "state": "running", "started_at": to_text(now)}
                columns = ("competition", "question", "scope")
                row |= {column: given[column] for column in columns}
                rejudge_id = int(db.table("rejudge").insert(row).last_pk or 0)
            else:
                rejudge_id = known["id"]
                is_dry_run = bool(known["is_dry_run"]) and is_dry_run
                row = {"is_dry_run": int(is_dry_run), "reason": reason or known["reason"]}
                db.table("rejudge").update(
                    rejudge_id, {**row, "state": "running", "from_version_id": from_id}
                )
            if not scope:
                self._stop_others(db, given, rejudge_id, only_dry_runs=is_dry_run)
            given |= {"id": rejudge_id, "version_id": version_id}
            is_all = self._queue(db, given, 0)
            if is_all:
                settle(self._c, db, rejudge_id, now)
        after = CHUNK
        while not is_all:
            # Who waits for SQLite's lock looks at intervals, and must find it free at some.
            time.sleep(PAUSE_S)
            with self._c.write() as db:
                # Once all is queued, or once it was stopped meanwhile, nothing is left to do.
                is_all = self._queue(db, given, after)
                settle(self._c, db, rejudge_id, now)
            after += CHUNK
        return self.get(rejudge_id)

    def _queue(self, db: Any, given: Row, after: int) -> bool:
        """Queue submissions of the next CHUNK ids; True where these are the last, or nothing runs."""
        last = self._c.row("select max(id) as id from submission")
        running = self._c.row("select 1 from rejudge where id = :id and state = 'running'", given)
        if running is None:
            return True
        db.conn.execute(_QUEUE, {**given, "after": after, "upto": after + CHUNK})
        bump(db, "queue")
        return last is None or (last["id"] or 0) <= after + CHUNK

    def _check_scope(self, given: Row) -> None:
        odd = self._c.row(
            "select value as id from json_each(:scope) where value not in (select id from submission "
            "where competition = :competition and question = :question) limit 1",
            {**given, "scope": given["scope"] or "[]"},
        )
        if odd is not None:
            raise InvalidRequest(f"Submission {odd['id']} is none of question '{given['question']}'.")

    def _resumable(self, given: Row) -> Row | None:
        return self._c.row(
            "select * from rejudge where competition = :competition and question = :question "
            "and scope = :scope and version_id = :version_id and state not in ('done', 'overtaken') "
            "and id > (select coalesce(max(id), 0) from rejudge where competition = :competition "
            "and question = :question and scope = '' and state = 'done') order by id desc limit 1",
            given,
        )

    def _stop_others(self, db: Any, given: Row, rejudge_id: int, *, only_dry_runs: bool) -> None:
        others = self._c.rows(
            "select id from rejudge where competition = :competition and question = :question "
            "and scope = '' and state in ('running', 'blocked') and id != :id and is_dry_run >= :dry",
            {**given, "id": rejudge_id, "dry": int(only_dry_runs)},
        )
        for other in others:
            self._stop(db, other["id"])

    def stop(self, rejudge_id: int) -> Rejudge:
        """End a rejudge before its end: nothing of it counts, unless it is started again.

        Raises
        ------
        InvalidRequest
            It has ended.
        """
        rejudge = self.get(rejudge_id)
        if rejudge.state in ("done", "overtaken"):
            raise InvalidRequest(f"Rejudge {rejudge_id} is {rejudge.state} already.")
        with self._c.write() as db:
            self._stop(db, rejudge_id)
            bump(db, f"rejudges/{rejudge.competition}", "queue")
        return self.get(rejudge_id)

    @staticmethod
    def _stop(db: Any, rejudge_id: int) -> None:
        db.conn.execute("delete from judgement where rejudge_id = ? and state = 'QUEUED'", (rejudge_id,))
        # Asked again inside the transaction: it may have ended meanwhile.
        sql = "update rejudge set state = 'stopped' where id = ? and state not in ('done', 'overtaken')"
        db.conn.execute(sql, (rejudge_id,))

    def get(self, rejudge_id: int) -> Rejudge:
        """One rejudge.

        Raises
        ------
        NotFound
        """
        row = self._c.row(f"{_REJUDGE} where r.id = ?", [rejudge_id])
        if row is None:
            raise NotFound(f"There is no rejudge {rejudge_id}.")
        return self._rejudge(row)

    def list(self, competition: str, *, limit: int = 100) -> list[Rejudge]:
        """Rejudges of a competition, newest first."""
        sql = f"{_REJUDGE} where r.competition = ? order by r.id desc limit ?"
        return [self._rejudge(row) for row in self._c.rows(sql, [competition, limit])]

    def _rejudge(self, row: Row) -> Rejudge:
        sql = "select state, count(*) as n from judgement where rejudge_id = ? group by state"
        n_of = {each["state"]: each["n"] for each in self._c.rows(sql, [row["id"]])}
        if "ERROR" in n_of:
            # Those that were queued again count as they stand now.
            n_of["ERROR"] = len(self._c.rows(_ERRORS, row))
        return Rejudge(
            id=row["id"],
            competition=row["competition"],
            question=row["question"],
            version=row["version"],
            from_version=row["from_version"],
            is_partial=bool(row["scope"]),
            is_dry_run=bool(row["is_dry_run"]),
            reason=row["reason"],
            state=row["state"],
            started_at=from_text(row["started_at"]),
            ended_at=from_text(row["ended_at"]) if row["ended_at"] else None,
            n=sum(n_of.values()),
            n_done=n_of.get("SCORED", 0) + n_of.get("REJECTED", 0),
            n_errors=n_of.get("ERROR", 0),
        )


_REJUDGE = (
    "select r.*, v.hash as version, f.hash as from_version from rejudge r "
    "join question_version v on v.id = r.version_id join question_version f on f.id = r.from_version_id"
)
_ERRORS = (
    "select j.id from judgement j where j.rejudge_id = :id and j.state = 'ERROR' and not exists "
    "(select 1 from judgement again where again.submission_id = j.submission_id "
    "and again.rejudge_id = :id and again.id > j.id)"
)
_QUEUE = (
    "insert into judgement (submission_id, version_id, state, queued_at, rejudge_id, lane) "
    "select s.id, :version_id, 'QUEUED', :now, :id, "
    "case s.kind when 'predictions' then 'quick' else 'code' end "
    f"from submission s where {IN_SCOPE} and s.id > :after and s.id <= :upto "
    "and not exists (select 1 from judgement j where j.rejudge_id = :id and j.submission_id = s.id "
    "and j.state in ('QUEUED', 'RUNNING', 'SCORED', 'REJECTED')) order by s.id"
)
