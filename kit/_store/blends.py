"""Contributivity as it was last computed, and what teams credit to others. Secret: it tells of labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kit._store.database import Connections, Row, bump
from kit.clock import from_text, to_text

_CANDIDATES = """
select * from (
    select s.id as submission, j.id as judgement, x.score,
    coalesce(r.valid_sha256, r.test_sha256, s.sha256) as predicted_sha256,
    row_number() over (partition by s.team_id order by x.score {order}, s.id) as place, count(*) over () as n
    from submission s join team t on t.id = s.team_id and not t.is_baseline
    join standing n on n.submission_id = s.id join judgement j on j.id = n.judgement_id and j.state = 'SCORED'
    join question_version v on v.id = j.version_id and v.hash = :version
    join score x on x.judgement_id = j.id and x.metric = :metric and x.split = 'public'
    left join code_result r on r.judgement_id = j.id
    where s.competition = :competition and s.question = :question and (r.valid_sha256 is null) = :uploaded
) order by place, score {order}, submission limit :most
"""

_PROGRAMS = """
select * from (
    select s.id, s.team_id, t.name as team, s.sha256, s.filename, s.submitted_at, x.score,
    row_number() over (partition by s.team_id order by x.score {order}, s.id) as place
    from submission s join team t on t.id = s.team_id and not t.is_baseline
    join standing n on n.submission_id = s.id join judgement j on j.id = n.judgement_id and j.state = 'SCORED'
    join score x on x.judgement_id = j.id and x.metric = :metric and x.split = 'public'
    where s.competition = :competition and s.question = :question and s.kind != 'predictions'
) order by place, score {order}, id limit :most
"""


@dataclass(frozen=True)
class Candidate:
    """A submission that may be blended; ``sha256`` is of what it predicted."""

    submission: int
    judgement: int
    sha256: str


@dataclass(frozen=True)
class Written:
    """A scored submission of code: where its text is kept."""

    submission: int
    team_id: int
    team: str
    sha256: str
    filename: str
    submitted_at: datetime


@dataclass(frozen=True)
class Share:
    """A submission's contributivity in per cent: RAMP's exact one, and the bagged one with its error."""

    exact: float
    bagged: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Blended:
    """What blending a question's submissions led to.

    Parameters
    ----------
    shares : mapping of int to Share
        By submission.
    scores : mapping of str to mapping of str to float
        ``combined`` and ``foldwise_best``, each by step: valid (of code), public, private.
    n_left_out : int
        So many submissions are not in it: it takes a bounded number, each team's best first.
    why : str
        Why there is none, where there is none.
    """

    version: str
    shares: Mapping[int, Share]
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    n_folds: int = 0
    n_left_out: int = 0
    why: str = ""
    is_bagged: bool = False
    teams: Mapping[int, str] = field(default_factory=dict)
    """By submission, as `Blends.of` tells them."""
    made_at: datetime | None = None


@dataclass(frozen=True)
class Given:
    """A credit: what a submission owes to an older one, as its team says; the last one of a pair counts."""

    submission: int
    source: int
    share: float
    team: str
    source_team: str


class Blends:
    """Keeps what was last computed of each question, and every credit."""

    def __init__(self, connections: Connections) -> None:
        self._c = connections

    def candidates(
        self,
        competition: str,
        question: str,
        *,
        version: str,
        metric: str,
        greater_is_better: bool,
        are_code: bool,
        most: int,
    ) -> tuple[list[Candidate], int]:
        """Submissions judged under a version, all teams' best before their second best; and how many.

        Parameters
        ----------
        are_code : bool
            Whether those are meant whose predictions of held out rows were kept, or uploaded predictions.
        """
        order = "desc" if greater_is_better else "asc"
        given = {"competition": competition, "question": question, "version": version, "metric": metric}
        rows = self._c.rows(
            _CANDIDATES.format(order=order), {**given, "uploaded": int(not are_code), "most": most}
        )
        found = [Candidate(r["submission"], r["judgement"], r["predicted_sha256"]) for r in rows]
        return found, rows[0]["n"] if rows else 0

    def written(
        self, competition: str, question: str, *, metric: str, greater_is_better: bool, most: int
    ) -> list[Written]:
        """Scored submissions of code, all teams' best before their second best."""
        order = "desc" if greater_is_better else "asc"
        given = {"competition": competition, "question": question, "metric": metric, "most": most}
        return [
            Written(
                r["id"], r["team_id"], r["team"], r["sha256"], r["filename"], from_text(r["submitted_at"])
            )
            for r in self._c.rows(_PROGRAMS.format(order=order), given)
        ]

    def known(self, competition: str, question: str) -> tuple[str, bool]:
        """Of what the last blend was made, as `keep` was told, and whether it is bagged; empty for none."""
        sql = "select members, is_bagged from blend where competition = ? and question = ?"
        row = self._c.row(sql, [competition, question])
        return ("", False) if row is None else (row["members"], bool(row["is_bagged"]))

    def keep(self, competition: str, question: str, members: str, blended: Blended, *, now: datetime) -> None:
        """Keep a blend in place of the one before.

        Parameters
        ----------
        members : str
            Tells blends of other members or versions apart.
        """
        facts = {"scores": blended.scores, "n_folds": blended.n_folds, "n_left_out": blended.n_left_out}
        row: Row = {"competition": competition, "question": question, "version": blended.version}
        row |= {"members": members, "is_bagged": int(blended.is_bagged), "made_at": to_text(now)}
        row["facts"] = json.dumps(facts | {"why": blended.why})
        with self._c.write() as db:
            db.table("blend").upsert(row, pk=("competition", "question"))
            db.conn.execute(
                "delete from contributivity where submission_id in "
                "(select id from submission where competition = ? and question = ?)",
                (competition, question),
            )
            db.conn.executemany(
                "insert into contributivity (submission_id, exact, bagged, error) values (?, ?, ?, ?)",
                [(number, s.exact, s.bagged, s.error) for number, s in blended.shares.items()],
            )
            bump(db, f"board/{competition}/{question}")

    def of(self, competition: str, question: str) -> Blended | None:
        """The last blend of a question."""
        given = [competition, question]
        row = self._c.row("select * from blend where competition = ? and question = ?", given)
        if row is None:
            return None
        shares = self._c.rows(
            "select c.*, t.name as team from contributivity c join submission s on s.id = c.submission_id "
            "join team t on t.id = s.team_id where s.competition = ? and s.question = ?",
            given,
        )
        return Blended(
            version=row["version"],
            shares={r["submission_id"]: Share(r["exact"], r["bagged"], r["error"]) for r in shares},
            teams={r["submission_id"]: r["team"] for r in shares},
            is_bagged=bool(row["is_bagged"]),
            made_at=from_text(row["made_at"]),
            **json.loads(row["facts"]),
        )

    def marks(self, competition: str, question: str) -> Row:
        """What differs where `of` or `credits` would tell something else: quick to ask for."""
        row = self._c.row(
            "select (select max(id) from credit) as credit, (select json_array(version, members, is_bagged, "
            "facts, made_at) from blend where competition = ? and question = ?) as blend",
            [competition, question],
        )
        assert row is not None
        return row

    def add_credits(
        self, submission_id: int, shares: Mapping[int, float], *, user_id: int, now: datetime
    ) -> None:
        """Record what a submission owes: to these, and nothing to others that it credited before."""
        before = {each.source: each.share for each in self.credits_of([submission_id])}
        changed = {source: 0.0 for source in before if source not in shares} | dict(shares)
        with self._c.write() as db:
            for source, share in changed.items():
                if before.get(source) != share:
                    row = {"submission_id": submission_id, "source_id": source, "share": share}
                    db.table("credit").insert({**row, "user_id": user_id, "at": to_text(now)})
            at = self._c.row(
                "select competition, question, team_id from submission where id = ?", [submission_id]
            )
            assert at is not None
            bump(db, f"team/{at['team_id']}", f"board/{at['competition']}/{at['question']}")

    def credits_of(self, submission_ids: Sequence[int]) -> list[Given]:
        """What some submissions owe now."""
        chosen = json.dumps(list(submission_ids))
        return self._credits("c.submission_id in (select value from json_each(:ids))", {"ids": chosen})

    def credits(self, competition: str, question: str) -> list[Given]:
        """What all submissions of a question owe now."""
        where = "s.competition = :competition and s.question = :question"
        return self._credits(where, {"competition": competition, "question": question})

    def _credits(self, where: str, given: dict[str, Any]) -> list[Given]:
        rows = self._c.rows(
            "select c.submission_id, c.source_id, c.share, t.name as team, u.name as source_team "
            "from credit c join submission s on s.id = c.submission_id join team t on t.id = s.team_id "
            "join submission o on o.id = c.source_id join team u on u.id = o.team_id "
            f"where {where} and c.share > 0 "
            "and not exists (select 1 from credit l where l.submission_id = c.submission_id "
            "and l.source_id = c.source_id and l.id > c.id) order by c.id",
            given,
        )
        return [Given(*row.values()) for row in rows]
