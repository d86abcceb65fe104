"""Of each team what decides its place, kept up with what changes it: no leaderboard reads all submissions.

Contract
--------
A ranking (a question by a metric, of what was submitted before some time) is kept from when it is first
asked for; making it then reads all submissions once. From then on every transaction that changes what
counts, or what is selected, brings its teams' rows up to date before it ends. So a ranking is never behind
the judgements that count, and each row tells by its version, that of the topics, when it last changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from kit._store.database import Connections, Row
from kit._store.judgements import score_of
from kit.clock import to_text
from kit.leaderboard import rounded
from kit.submission import Split

MOST_TEAMS = 1000
"""Where more teams are concerned at once, a ranking is made anew."""

# The order is forced: SQLite would rather begin with all that stands.
_TRIED = """
select s.team_id, s.id, s.submitted_at, n.judgement_id, a.score, b.score, l.submission_id is not null
from submission s {index} cross join standing n on n.submission_id = s.id
cross join score a on a.judgement_id = n.judgement_id and a.metric = :metric and a.split = 'public'
cross join score b on b.judgement_id = n.judgement_id and b.metric = :metric and b.split = 'private'
left join selection l on l.team_id = s.team_id and l.question = s.question and l.submission_id = s.id
where s.competition = :competition and s.question = :question
and (:until = '' or s.submitted_at < :until)
"""
_OF_ALL = _TRIED.format(index="indexed by submission_question")
_OF_SOME = (
    _TRIED.format(index="indexed by submission_team")
    + " and s.team_id in (select value from json_each(:teams))"
)
_PLACES = """
select b.*, t.name, t.is_baseline, v.hash, c.*
from best b join team t on t.id = b.team_id
left join judgement j on j.id = b.judgement_id left join question_version v on v.id = j.version_id
left join score c on c.judgement_id = b.judgement_id and c.metric = :metric and c.split = b.split
where b.ranking_id = :id and b.split = :split {changed}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """What a team, or a baseline, stands on a leaderboard with."""

    team_id: int
    team: str
    is_baseline: bool
    points: float
    """Rounded score; smaller is better."""
    submitted_at: str
    submission: int
    judgement: int
    version: str
    """Of the question, under which it was judged."""
    score: float
    error: float
    n_tries: int

    @property
    def key(self) -> tuple[float, str, int]:
        """By which leaderboards are ordered; only the first part makes ranks."""
        return self.points, self.submitted_at, self.submission


@dataclass(frozen=True)
class Changes:
    """What changed on a leaderboard up to a version; ``is_all`` where the places are all there are."""

    version: int
    is_all: bool
    places: tuple[Place, ...]
    gone: tuple[int, ...]
    """Teams that have no place any more."""


def read_places(
    c: Connections,
    competition: str,
    question: str,
    split: Split,
    *,
    metric: str,
    greater_is_better: bool,
    until: datetime | None = None,
    since: int | None = None,
) -> Changes:
    """What teams stand on a leaderboard with; only what changed after the version ``since``, if given."""
    asked: Row = {"competition": competition, "question": question, "metric": metric}
    asked |= {"greater": int(greater_is_better), "until": "" if until is None else to_text(until)}
    ranking = _ranking(c, asked)
    # The version is read before the places: they may be newer than it says, never older.
    version = _newest(c)
    is_all = since is None or since < ranking["filled"]
    given = {"id": ranking["id"], "metric": metric, "split": split.value, "since": since}
    rows = c.rows(_PLACES.format(changed="" if is_all else "and b.version > :since"), given)
    return Changes(
        version,
        is_all,
        tuple(_place(row) for row in rows if row["submission_id"] is not None),
        tuple(row["team_id"] for row in rows if row["submission_id"] is None),
    )


def _ranking(c: Connections, asked: Row) -> Row:
    if (known := c.row(_RANKING, asked)) is not None:
        return known
    with c.write() as db:
        if (known := c.row(_RANKING, asked)) is None:
            db.table("ranking").insert({**asked, "filled": 0})
            known = c.row(_RANKING, asked)
            assert known is not None
            _fill(db, known, _newest(c))
    return known


_RANKING = (
    "select * from ranking where competition = :competition and question = :question "
    "and metric = :metric and greater = :greater and until = :until"
)


def refresh(c: Connections, db: Any, competition: str, question: str, teams: Iterable[int]) -> None:
    """Bring teams' places up to date after what counts of theirs changed; inside that transaction."""
    concerned = set(teams)
    # The transaction marks its topics after this: with a greater version than any before it.
    version = _newest(c) + 1
    sql = "select * from ranking where competition = ? and question = ?"
    for ranking in c.rows(sql, [competition, question]):
        if len(concerned) > MOST_TEAMS:
            _fill(db, ranking, version)
            continue
        found = _chosen(db, _OF_SOME, {**ranking, "teams": json.dumps(list(concerned))})
        _write(db, ranking, version, found)
        for team_id in concerned - set(found):
            sql = "update best set submission_id = null, version = ? where ranking_id = ? and team_id = ?"
            db.conn.execute(sql, (version, ranking["id"], team_id))


def _fill(db: Any, ranking: Row, version: int) -> None:
    db.conn.execute("delete from best where ranking_id = ?", (ranking["id"],))
    db.conn.execute("update ranking set filled = ? where id = ?", (version, ranking["id"]))
    _write(db, ranking, version, _chosen(db, _OF_ALL, ranking))


def _newest(c: Connections) -> int:
    row = c.row("select coalesce(max(version), 0) as version from topic")
    assert row is not None
    return int(row["version"])


_Try = tuple[tuple[float, str, int], int]
"""By what it is ordered, and its judgement."""


@dataclass(slots=True)
class _Chosen:
    """What a team's tries, of which there may be very many, come to."""

    n_tries: int
    best: _Try
    """The best public one."""
    private_of_best: _Try
    selected: _Try | None = None
    """Of the selected ones that with the best private score."""

    @property
    def of_splits(self) -> Iterator[tuple[Split, _Try]]:
        yield Split.PUBLIC, self.best
        yield Split.PRIVATE, self.selected or self.private_of_best


def _chosen(db: Any, sql: str, given: Row) -> dict[int, _Chosen]:
    """As `kit.leaderboard.rank` chooses, of each team."""
    found: dict[int, _Chosen] = {}
    sign = -1.0 if given["greater"] else 1.0
    for team_id, number, at, judgement, public, private, is_selected in db.conn.execute(sql, given):
        own = (sign * rounded(public), at, number), judgement
        hidden = (sign * rounded(private), at, number), judgement
        if (known := found.get(team_id)) is None:
            known = found[team_id] = _Chosen(0, own, hidden)
        known.n_tries += 1
        if own < known.best:
            known.best, known.private_of_best = own, hidden
        if is_selected and (known.selected is None or hidden < known.selected):
            known.selected = hidden
    return found


def _write(db: Any, ranking: Row, version: int, found: dict[int, _Chosen]) -> None:
    db.conn.executemany(
        "insert or replace into best (ranking_id, split, team_id, points, submitted_at, submission_id, "
        "judgement_id, n_tries, version) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (ranking["id"], split.value, team_id, *key, judgement, chosen.n_tries, version)
            for team_id, chosen in found.items()
            for split, (key, judgement) in chosen.of_splits
        ),
    )


def _place(row: Row) -> Place:
    score = score_of(row)
    return Place(
        team_id=row["team_id"],
        team=row["name"],
        is_baseline=bool(row["is_baseline"]),
        points=row["points"],
        submitted_at=row["submitted_at"],
        submission=row["submission_id"],
        judgement=row["judgement_id"],
        version=intern(row["hash"]),
        score=score.score,
        error=score.error,
        n_tries=row["n_tries"],
    )
