"""Reads what teams tried, in the order in which it was first scored: that in which they were told."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from kit._store.database import Connections, Row
from kit.clock import from_text
from kit.probing import Sketch

_TRIES = """
select s.id, s.team_id, s.phase, s.submitted_at, n.judgement_id, v.hash as version, s.sha256, c.score, c.se,
(select min(k.id) from counted k where k.submission_id = s.id) as first
from submission s join team t on t.id = s.team_id and not t.is_baseline
join standing n on n.submission_id = s.id
join judgement j on j.id = n.judgement_id join question_version v on v.id = j.version_id
join score c on c.judgement_id = n.judgement_id and c.metric = :metric and c.split = 'public'
where s.competition = :competition and s.question = :question
and s.team_id in (select value from json_each(:teams))
order by first, s.id
"""


@dataclass(frozen=True, slots=True)
class ScoredTry:
    """A team's scored submission with its exact public score. Secret."""

    submission: int
    team_id: int
    phase: str
    submitted_at: datetime
    judgement: int
    version: str
    sha256: str
    score: float
    se: float | None


def read_tries(
    c: Connections, competition: str, question: str, metric: str, teams: Collection[int]
) -> list[ScoredTry]:
    """Some teams' scored submissions to a question; without baselines."""
    given = {"competition": competition, "question": question, "metric": metric}
    given["teams"] = json.dumps(list(teams))
    return [
        ScoredTry(
            submission=row["id"],
            team_id=row["team_id"],
            phase=row["phase"],
            submitted_at=from_text(row["submitted_at"]),
            judgement=row["judgement_id"],
            version=row["version"],
            sha256=row["sha256"],
            score=row["score"],
            se=row["se"],
        )
        for row in c.rows(_TRIES, given)
    ]


def sketch_row(judgement_id: int, sketch: Sketch) -> Row:
    """A sketch as it is kept."""
    return {
        "judgement_id": judgement_id,
        "n_rows": sketch.n_rows,
        "hashes": sketch.hashes.astype("<u8").tobytes(),
        "n_off": json.dumps({"n_off": dict(sketch.n_off), "are_labels": sketch.are_labels}),
    }


def read_sketches(c: Connections, judgement_ids: Collection[int]) -> dict[int, Sketch]:
    """Sketches of judgements that kept one."""
    sql = "select * from sketch where judgement_id in (select value from json_each(?))"
    return {
        row["judgement_id"]: Sketch(
            n_rows=row["n_rows"], hashes=np.frombuffer(row["hashes"], dtype="<u8"), **json.loads(row["n_off"])
        )
        for row in c.rows(sql, [json.dumps(list(judgement_ids))])
    }
