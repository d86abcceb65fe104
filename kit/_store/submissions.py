"""Submissions, taken within their limits, and what a team selected. A submission is never edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit._store.best import refresh
from kit._store.database import Connections, Row, bump
from kit._store.judgements import Standing, read_judgements, read_standings
from kit._store.ledger import debit, read_ledger, read_usage
from kit._store.repeats import sent_before
from kit._store.turns import next_turn
from kit._store.versions import Versions
from kit.clock import Clock, from_text, to_text
from kit.competition import Competition, Phase, Question
from kit.errors import InvalidRequest, NotFound
from kit.limits import Usage, admit, check_open, open_phase
from kit.submission import Judgement, Kind, State, Submission


@dataclass(frozen=True)
class Received:
    """A file that was received and kept, with what its sender said about it.

    ``once`` is whether what the team sent before with the same content will do as well.
    """

    sha256: str
    n_bytes: int
    filename: str
    note: str = ""
    kind: Kind = Kind.PREDICTIONS
    idempotency_key: str | None = None
    once: bool = False


_SUBMISSION = """
select s.*, t.name as team, t.is_baseline, u.name as user from submission s
join team t on t.id = s.team_id left join user u on u.id = s.user_id
"""


class Submissions:
    """Adds submissions within their limits, and reads them back with their last judgement."""

    def __init__(self, connections: Connections, versions: Versions) -> None:
        self._c = connections
        self._versions = versions

    def add(
        self,
        competition: Competition,
        question: Question,
        received: Received,
        *,
        team_id: int,
        user_id: int,
        version: str,
        now: datetime | Clock,
    ) -> tuple[Submission, bool]:
        """Take a submission, if its team's limits allow, and queue it for judging: all or nothing.

        Parameters
        ----------
        version : str
            Comes into force where no version of the question is.
        now : datetime or callable
            A clock is read when this submission's turn to be written has come, however long that took:
            what is acknowledged late is not stamped early, and times grow with ids.

        Returns
        -------
        submission, is_new
            ``is_new`` is False where the same idempotency key was taken before, or the same content.

        Raises
        ------
        NotAllowed
            Closed, or over a limit.
        """
        with self._c.write() as db:
            if (known := self.by_key(user_id, received.idempotency_key)) is not None:
                return known, False
            if received.once and (same := self.same(team_id, question.id, received.sha256)) is not None:
                return same, False
            now = now() if callable(now) else now
            phase = open_phase(competition, now)
            admit(competition, phase, self.usage(competition, question, phase, team_id, now), now)
            submission_id = self._insert(db, competition, question, received, phase.id, team_id, user_id, now)
            debit(db, competition, question, phase, team_id, submission_id, now)
            self._queue(db, competition, question, submission_id, received.kind, team_id, version, now)
            bump(db, f"team/{team_id}", f"submissions/{competition.slug}")
        return self.get(submission_id), True

    def add_baseline(
        self,
        competition: Competition,
        question: Question,
        received: Received,
        *,
        name: str,
        user_id: int,
        version: str,
        now: datetime,
    ) -> Submission:
        """Take a baseline's predictions: free of phases and limits, under a team of its own."""
        with self._c.write() as db:
            key = f"baseline/{name}"
            row = {"competition": competition.slug, "name": name, "name_key": key, "is_baseline": 1}
            db.table("team").insert({**row, "created_at": to_text(now)}, ignore=True)
            sql = "select id from team where competition = ? and name_key = ?"
            team = self._c.row(sql, [competition.slug, key])
            assert team is not None
            submission_id = self._insert(
                db, competition, question, received, "baseline", team["id"], user_id, now
            )
            self._queue(db, competition, question, submission_id, received.kind, team["id"], version, now)
            bump(db, f"team/{team['id']}", f"submissions/{competition.slug}")
        return self.get(submission_id)

    def _insert(
        self,
        db: Any,
        competition: Competition,
        question: Question,
        received: Received,
        phase: str,
        team_id: int,
        user_id: int,
        now: datetime,
    ) -> int:
        row = {
            "competition": competition.slug,
            "question": question.id,
            "phase": phase,
            "team_id": team_id,
            "user_id": user_id,
            "kind": received.kind.value,
            "sha256": received.sha256,
            "n_bytes": received.n_bytes,
            "filename": received.filename,
            "note": received.note,
            "submitted_at": to_text(now),
            "idempotency_key": received.idempotency_key,
        }
        return int(db.table("submission").insert(row).last_pk)

    def _queue(
        self,
        db: Any,
        competition: Competition,
        question: Question,
        submission_id: int,
        kind: Kind,
        team_id: int,
        version: str,
        now: datetime,
    ) -> None:
        """Queue a submission under the version in force, and under that of a rejudge that is under way."""
        version_id = self._versions.current(db, competition.slug, question.id, version, now)
        row = {"submission_id": submission_id, "state": State.QUEUED.value, "queued_at": to_text(now)}
        row["lane"] = kind.lane.value
        first = {"version_id": version_id, "turn": next_turn(self._c, kind.lane, team_id)}
        judgement = db.table("judgement").insert({**row, **first})
        db.table("standing").insert({"submission_id": submission_id, "judgement_id": judgement.last_pk})
        under_way = self._c.row(
            "select id, version_id from rejudge where competition = ? and question = ? and scope = '' "
            "and not is_dry_run and state in ('running', 'blocked') order by id desc limit 1",
            [competition.slug, question.id],
        )
        if under_way:
            again = {"version_id": under_way["version_id"], "rejudge_id": under_way["id"]}
            db.table("judgement").insert({**row, **again})
        bump(db, "queue")

    def usage(
        self, competition: Competition, question: Question, phase: Phase, team_id: int, now: datetime
    ) -> Usage:
        """What a team has used of its limits, refunds taken off."""
        return read_usage(self._c, competition, question, phase, team_id, now)

    def ledger(self, competition: str, team_id: int) -> list[Row]:
        """Each debit and refund of a team's limits, oldest first."""
        return read_ledger(self._c, competition, team_id)

    def get(self, submission_id: int) -> Submission:
        """One submission.

        Raises
        ------
        NotFound
        """
        row = self._c.row(f"{_SUBMISSION} where s.id = ?", [submission_id])
        if row is None:
            raise NotFound(f"There is no submission {submission_id}.")
        return _submission(row)

    def by_key(self, user_id: int, key: str | None) -> Submission | None:
        """What a user submitted under an idempotency key, if anything."""
        if key is None:
            return None
        row = self._c.row(f"{_SUBMISSION} where s.user_id = ? and s.idempotency_key = ?", [user_id, key])
        return None if row is None else _submission(row)

    def same(self, team_id: int, question: str, sha256: str) -> Submission | None:
        """What a team sent before with this content and need not send again; see `sent_before`."""
        found = sent_before(self._c, team_id, question, sha256)
        return None if found is None else self.get(found)

    def judgements(self, submission_id: int) -> list[Judgement]:
        """All judgements of a submission, oldest first."""
        return read_judgements(self._c, submission_id)

    def judgement(self, submission_id: int) -> Judgement:
        """The judgement of a submission that counts."""
        return self.standings([submission_id])[submission_id].judgement

    def standings(self, submission_ids: Sequence[int]) -> dict[int, Standing]:
        """How each of some submissions stands."""
        return read_standings(self._c, submission_ids)

    def place_in_queue(self, submission_id: int) -> int | None:
        """1 for the submission that is judged next in its lane; None where it does not wait."""
        return self.standings([submission_id])[submission_id].place_in_queue

    def select(
        self, competition: Competition, question: Question, team_id: int, ids: Sequence[int], now: datetime
    ) -> None:
        """Set which submissions of a team count on the private leaderboard; none clears the choice.

        Raises
        ------
        NotAllowed
            The competition is closed.
        InvalidRequest
            Too many, another team's, another question's, or not SCORED.
        """
        allowed = competition.limits.selected
        if len(set(ids)) > allowed:
            raise InvalidRequest(f"{len(set(ids))} submissions selected; {allowed} may be.")
        with self._c.write() as db:
            check_open(competition, now)
            for submission_id in ids:
                self._check_selectable(competition, question, team_id, submission_id)
            given = (team_id, question.id)
            db.conn.execute("delete from selection where team_id = ? and question = ?", given)
            for submission_id in dict.fromkeys(ids):
                row = {"team_id": team_id, "question": question.id, "submission_id": submission_id}
                db.table("selection").insert({**row, "selected_at": to_text(now)})
            refresh(self._c, db, competition.slug, question.id, [team_id])
            bump(db, f"team/{team_id}", f"board/{competition.slug}/{question.id}")

    def _check_selectable(
        self, competition: Competition, question: Question, team_id: int, submission_id: int
    ) -> None:
        row = self._c.row(
            "select 1 from submission s join standing n on n.submission_id = s.id "
            "join judgement j on j.id = n.judgement_id where s.id = ? and s.team_id = ? "
            "and s.competition = ? and s.question = ? and j.state = 'SCORED'",
            [submission_id, team_id, competition.slug, question.id],
        )
        if row is None:
            raise InvalidRequest(
                f"Submission {submission_id} cannot be selected: it must be your team's, "
                f"of question '{question.id}', and SCORED."
            )

    def selected(self, team_id: int, question: str) -> tuple[int, ...]:
        """Ids of the submissions a team selected."""
        sql = "select submission_id as id from selection where team_id = ? and question = ? order by 1"
        return tuple(row["id"] for row in self._c.rows(sql, [team_id, question]))

    def list(
        self,
        competition: str,
        *,
        question: str | None = None,
        team_id: int | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> list[Submission]:
        """Submissions of a competition, newest first."""
        given = {"s.competition": competition, "s.question": question, "s.team_id": team_id}
        asked = {column: value for column, value in given.items() if value is not None}
        # Only what is asked for stands in the query: "or is null" would keep SQLite from the indexes.
        where = " and ".join(f"{column} = ?" for column in asked)
        rows = self._c.rows(
            f"{_SUBMISSION} where {where} order by s.id desc limit ? offset ?",
            [*asked.values(), limit, offset],
        )
        return [_submission(row) for row in rows]


def _submission(row: Row) -> Submission:
    return Submission(
        id=row["id"],
        competition=row["competition"],
        question=row["question"],
        phase=row["phase"],
        team_id=row["team_id"],
        team=row["team"],
        user=row["user"] or "",
        kind=Kind(row["kind"]),
        filename=row["filename"],
        note=row["note"],
        n_bytes=row["n_bytes"],
        sha256=row["sha256"],
        submitted_at=from_text(row["submitted_at"]),
        is_baseline=bool(row["is_baseline"]),
    )
