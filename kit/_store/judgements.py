"""Reads judgements and their scores; of many submissions at once, so that a long list is four queries."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kit._store.database import Connections, Row
from kit._store.turns import places
from kit.clock import from_text
from kit.submission import Judgement, Score, Split, State, Verdict

_JUDGEMENT = "select j.*, v.hash as version from judgement j join question_version v on v.id = j.version_id "


@dataclass(frozen=True)
class Standing:
    """How a submission stands: the judgement that counts, its place in its lane (1 is next), if selected."""

    judgement: Judgement
    place_in_queue: int | None
    is_selected: bool
    again: Again | None = None
    """Where the judgement that counts was made by a rejudge."""


@dataclass(frozen=True)
class Again:
    """That a submission was judged again, from when on it counts, why, and what counted before."""

    at: datetime
    reason: str
    before: Judgement | None


def read_judgements(c: Connections, submission_id: int) -> list[Judgement]:
    """All judgements of a submission, oldest first."""
    rows = c.rows(f"{_JUDGEMENT} where j.submission_id = ? order by j.id", [submission_id])
    scores = _scores(c, [row["id"] for row in rows])
    return [_judgement(row, scores[row["id"]]) for row in rows]


def judgements_by_id(c: Connections, ids: Sequence[int]) -> dict[int, Judgement]:
    """Some judgements."""
    rows = c.rows(f"{_JUDGEMENT} where j.id in (select value from json_each(?))", [json.dumps(list(ids))])
    scores = _scores(c, ids)
    return {row["id"]: _judgement(row, scores[row["id"]]) for row in rows}


def read_standings(c: Connections, submission_ids: Sequence[int]) -> dict[int, Standing]:
    """How each of some submissions stands."""
    marks = _marks(submission_ids)
    rows = c.rows(
        f"{_JUDGEMENT} join standing n on n.judgement_id = j.id where n.submission_id in ({marks})",
        submission_ids,
    )
    scores = _scores(c, [row["id"] for row in rows])
    queued = [row["id"] for row in rows if row["state"] == State.QUEUED]
    in_queue = places(c, queued) if queued else {}
    sql = f"select submission_id as id from selection where submission_id in ({marks})"
    selected = {row["id"] for row in c.rows(sql, submission_ids)}
    again = _again(c, [row["id"] for row in rows if row["rejudge_id"] is not None])
    return {
        row["submission_id"]: Standing(
            _judgement(row, scores[row["id"]]),
            in_queue.get(row["id"]),
            row["submission_id"] in selected,
            again.get(row["id"]),
        )
        for row in rows
    }


def _again(c: Connections, judgement_ids: Sequence[int]) -> dict[int, Again]:
    rows = c.rows(
        "select j.id, r.ended_at, r.reason, (select b.judgement_id from counted b "
        "where b.submission_id = j.submission_id and b.id <= r.last_counted_id order by b.id desc limit 1) "
        "as before from judgement j join rejudge r on r.id = j.rejudge_id "
        "where j.id in (select value from json_each(?))",
        [json.dumps(list(judgement_ids))],
    )
    before = judgements_by_id(c, [row["before"] for row in rows if row["before"] is not None])
    return {
        row["id"]: Again(from_text(row["ended_at"]), row["reason"], before.get(row["before"])) for row in rows
    }


def _scores(c: Connections, judgement_ids: Sequence[int]) -> dict[int, tuple[Score, ...]]:
    sql = "select * from score where judgement_id in (select value from json_each(?))"
    found: dict[int, tuple[Score, ...]] = defaultdict(tuple)
    for row in c.rows(sql, [json.dumps(list(judgement_ids))]):
        found[row["judgement_id"]] += (score_of(row),)
    return found


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" for _ in values)


def _judgement(row: Row, scores: tuple[Score, ...]) -> Judgement:
    return Judgement(
        id=row["id"],
        submission_id=row["submission_id"],
        version=row["version"],
        state=State(row["state"]),
        queued_at=from_text(row["queued_at"]),
        started_at=from_text(row["started_at"]) if row["started_at"] else None,
        finished_at=from_text(row["finished_at"]) if row["finished_at"] else None,
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        reasons=tuple(json.loads(row["reasons"])),
        incident=row["incident"],
        attempts=row["attempts"],
        scores=scores,
    )


def score_of(row: Row) -> Score:
    """A row of the score table as a Score."""
    facts = {k: row[k] for k in ("score", "low", "high", "level", "n_rows", "n_resamples", "se", "warning")}
    return Score(metric=row["metric"], split=Split(row["split"]), **facts)
