"""Reads what leaderboards are made of: of each team what may decide its place, and evidence of errors."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit._store.database import Connections, Row
from kit._store.judgements import score_of
from kit._store.outcomes import vector_of
from kit.clock import from_text, to_text
from kit.leaderboard import Entry
from kit.submission import Score, Split

_ENTRIES = """
select s.id, t.name as team, t.is_baseline, s.submitted_at, s.note, v.hash as version, c.*,
l.submission_id is not null as is_selected from submission s
join team t on t.id = s.team_id join standing n on n.submission_id = s.id
join judgement j on j.id = n.judgement_id join question_version v on v.id = j.version_id
join score c on c.judgement_id = n.judgement_id
left join selection l on l.submission_id = s.id and l.team_id = s.team_id and l.question = s.question
"""


def read_entries(c: Connections, competition: str, question: str) -> list[Entry]:
    """Each SCORED submission of a question, as it was last judged."""
    where = "where s.competition = ? and s.question = ? order by s.id"
    return _entries(c.rows(f"{_ENTRIES}{where}", [competition, question]), {})


def entries_of(c: Connections, pointers: str, given: Mapping[str, Any]) -> list[Entry]:
    """As `read_entries`, with other judgements than those that count now.

    Parameters
    ----------
    pointers : str
        A query of ``submission_id`` and ``judgement_id``.
    """
    sql = _ENTRIES.replace("join standing n on", f"join ({pointers}) n on")
    return _entries(c.rows(f"{sql} order by s.id", dict(given)), {})


def read_chosen(c: Connections, n_tries: Mapping[int, int]) -> list[Entry]:
    """Chosen submissions as they were last judged, with how many tries their teams have."""
    return _entries(_of_submissions(c, n_tries), n_tries)


def read_scored(
    c: Connections,
    competition: str,
    question: str,
    split: Split,
    *,
    metric: str,
    greater_is_better: bool,
    until: datetime | None,
    most: int,
) -> list[int]:
    """Scored submissions of a question, best first, those of before ``until``; so many at most."""
    rows = c.rows(
        "select s.id from submission s join standing n on n.submission_id = s.id "
        "join score x on x.judgement_id = n.judgement_id and x.metric = :metric and x.split = :split "
        "where s.competition = :competition and s.question = :question "
        "and (:until = '' or s.submitted_at < :until) "
        f"order by x.score {'desc' if greater_is_better else 'asc'}, s.submitted_at, s.id limit :most",
        {
            "competition": competition,
            "question": question,
            "metric": metric,
            "split": split.value,
            "until": "" if until is None else to_text(until),
            "most": most,
        },
    )
    return [row["id"] for row in rows]


def read_entry(c: Connections, submission_id: int) -> Entry | None:
    """A submission as it was last judged; None where it has no score."""
    return next(iter(_entries(_of_submissions(c, [submission_id]), {})), None)


def read_scores(c: Connections, judgement_ids: Collection[int], split: Split) -> dict[int, dict[str, Score]]:
    """Scores of judgements on a split, by metric."""
    sql = "select * from score where judgement_id in (select value from json_each(?)) and split = ?"
    found: dict[int, dict[str, Score]] = {}
    for row in c.rows(sql, [json.dumps(list(judgement_ids)), split.value]):
        found.setdefault(row["judgement_id"], {})[row["metric"]] = score_of(row)
    return found


def read_influences(
    c: Connections, judgement_ids: Collection[int], split: Split
) -> dict[int, NDArray[np.float32]]:
    """Influences of judgements that kept any."""
    sql = (
        "select judgement_id as id, influences from evidence "
        "where judgement_id in (select value from json_each(?)) and split = ?"
    )
    rows = c.rows(sql, [json.dumps(list(judgement_ids)), split.value])
    return {row["id"]: vector_of(row["influences"]) for row in rows}


def _of_submissions(c: Connections, ids: Collection[int]) -> list[Row]:
    # One parameter, however many they are.
    where = "where s.id in (select value from json_each(?)) order by s.id"
    return c.rows(f"{_ENTRIES}{where}", [json.dumps(list(ids))])


def _entries(rows: list[Row], n_tries: Mapping[int, int]) -> list[Entry]:
    entries: dict[int, Entry] = {}
    scores: dict[int, dict[Split, dict[str, Score]]] = {}
    for row in rows:
        number = row["id"]
        if number not in entries:
            scores[number] = {split: {} for split in Split}
            entries[number] = _entry(row, scores[number], n_tries.get(number))
        score = score_of(row)
        scores[number][score.split][score.metric] = score
    return list(entries.values())


def _entry(row: Row, scores: Mapping[Split, Mapping[str, Any]], n_tries: int | None) -> Entry:
    return Entry(
        submission=row["id"],
        team=row["team"],
        submitted_at=from_text(row["submitted_at"]),
        scores=scores,
        is_selected=bool(row["is_selected"]),
        is_baseline=bool(row["is_baseline"]),
        note=row["note"],
        judgement=row["judgement_id"],
        version=row["version"],
        n_tries=n_tries,
    )
