"""A store with as many teams and judged submissions as one likes, written by SQL in one go."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime

import numpy as np

from kit.competition import Competition
from kit.store import Store

_NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < :n) "
# Much the same on any machine: hashes of numbers stand in for chance.
_U = "(({0}) * 2654435761 % 4294967296 / 4294967296.0)"
_BELL = f"({_U.format('{0} + 1')} + {_U.format('7 * {0} + 3')} + {_U.format('11 * {0} + 5')} - 1.5)"
_SKILL = f"0.45 + 0.1 * {_BELL.format('s.team_id')} + 0.02 * {_BELL.format('31 * s.id')}"
_AT = "strftime('%Y-%m-%dT%H:%M:%f000Z', :from_s + {0} * :step_s, 'unixepoch')"


def fill(
    store: Store,
    competition: Competition,
    *,
    n_teams: int,
    n_submissions: int,
    from_s: float,
    until_s: float,
    n_blocks: int = 0,
    n_with_evidence: int = 0,
    file: bytes = b"id,y\n",
) -> None:
    """Write teams ``team-1`` and so on, each of one person of that name, and their submissions, all SCORED.

    Parameters
    ----------
    from_s, until_s : float
        Between these times, in seconds since 1970, submissions arrive, in turn of the teams.
    n_with_evidence : int
        So many of the best submissions have evidence, of ``n_blocks`` blocks: that of all would be large.
    file : bytes
        What each of them sent.
    """
    question = competition.question[0]
    version = store.versions.keep(competition, question)
    store.versions.open(competition.slug, question.id, version, now=datetime.fromtimestamp(from_s, UTC))
    blob = store.blobs.add(file)
    given = {"slug": competition.slug, "question": question.id, "metric": question.metric}
    given |= {"phase": competition.phases[0].id, "sha256": blob.sha256}
    given |= {"from_s": from_s, "step_s": (until_s - from_s) / n_submissions, "n_teams": n_teams}
    with contextlib.closing(sqlite3.connect(store.directory / "kit.db", isolation_level=None)) as db:
        db.execute("pragma synchronous = off")
        db.execute("begin immediate")
        for statement in _PEOPLE:
            db.execute(_NUMBERS.join(statement), {**given, "n": n_teams})
        for statement in _SUBMISSIONS:
            db.execute(_NUMBERS.join(statement), {**given, "n": n_submissions})
        _add_evidence(db, n_blocks, n_with_evidence)
        db.execute("commit")
        db.execute("analyze")


def _add_evidence(db: sqlite3.Connection, n_blocks: int, n: int) -> None:
    rng = np.random.default_rng(0)
    best = db.execute("select judgement_id from score where split = 'public' order by score limit ?", (n,))
    for (judgement_id,) in best.fetchall():
        influences = rng.normal(0.0, 0.01 * n_blocks**0.5, n_blocks)
        kept = (influences - influences.mean()).astype("<f4").tobytes()
        for split in ("public", "private"):
            db.execute("insert into evidence values (?, ?, ?, ?)", (judgement_id, split, kept, b""))


_PEOPLE = [
    (
        "insert into user (id, name, name_key, role, created_at) ",
        f"select i, 'team-' || i, 'team-' || i, 'participant', {_AT.format('0')} from n",
    ),
    (
        "insert into team (id, competition, name, name_key, created_at) ",
        f"select i, :slug, 'team-' || i, 'team-' || i, {_AT.format('0')} from n",
    ),
    (
        "insert into member (competition, user_id, team_id, joined_at) ",
        f"select :slug, i, i, {_AT.format('0')} from n",
    ),
    ("insert into topic (name, version) ", "select 'team/' || i, i from n"),
]
_SCORES = (
    "insert into score (judgement_id, metric, split, score, low, high, level, n_rows, n_resamples, se) ",
    "select j.id, :metric, p.split, {skill}, {skill} - 0.02, {skill} + 0.02, 0.95, 1000, 1000, 0.01 "
    "from (select i as id, i as n from n) j join (select id, team_id from submission) s on s.id = j.id "
    "join (select 'public' as split, 0 as extra union all select 'private', 1) p",
)
_SUBMISSIONS = [
    (
        "insert into submission (id, competition, question, phase, team_id, user_id, kind, sha256, n_bytes, "
        "filename, note, submitted_at) ",
        "select i, :slug, :question, :phase, 1 + i % :n_teams, 1 + i % :n_teams, 'predictions', :sha256, 5, "
        f"'p.csv', '', {_AT.format('i')} from n",
    ),
    (
        "insert into judgement (id, submission_id, version_id, state, queued_at, started_at, finished_at, "
        "attempts) ",
        f"select i, i, 1, 'SCORED', {_AT.format('i')}, {_AT.format('i')}, {_AT.format('i')}, 1 from n",
    ),
    (_SCORES[0], _SCORES[1].format(skill=f"({_SKILL} + 0.01 * p.extra * {_BELL.format('37 * s.id')})")),
    ("insert into standing (submission_id, judgement_id) ", "select i, i from n"),
    (
        "insert into counted (submission_id, judgement_id, at) ",
        f"select i, i, {_AT.format('i')} from n",
    ),
    (
        "insert into ledger (team_id, competition, question, phase, submission_id, day, delta, reason, at) ",
        f"select 1 + i % :n_teams, :slug, :question, :phase, i, substr({_AT.format('i')}, 1, 10) || "
        f"'T00:00:00.000000Z', -1, 'submitted', {_AT.format('i')} from n",
    ),
]
