"""Whether what people were told is what the store holds: none lost or doubled, limits and deadline exact."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from hall import Hall, Sent

LATE_S = 1.0
"""The deadline is exact to the second: no acknowledgement comes later than this."""


def audit(database: Path, sent: Sequence[Sent], deadline: float, limit: int) -> list[str]:
    """All that is wrong, a line each.

    Parameters
    ----------
    sent : sequence of Sent
        All that anybody sent, each with a note of its own.
    deadline : float
        When the competition closed, in seconds since 1970.
    limit : int
        Submissions that a team may make to a question.
    """
    rows = _read(database)
    wrong = [*_kept(sent, rows), *_judged(rows), *_limited(rows, limit)]
    for row in rows:
        if datetime.fromisoformat(row["submitted_at"]).timestamp() >= deadline:
            wrong.append(f"submission {row['id']} is of {row['submitted_at']}, after the deadline")
    for each in sent:
        wrong += _told(each, deadline)
    return wrong


def _read(database: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        found = db.execute(
            "select s.id, s.team_id, s.question, s.note, s.submitted_at, j.state, "
            "(select count(*) from judgement k where k.submission_id = s.id) as n_judgements "
            "from submission s join standing n on n.submission_id = s.id "
            "join judgement j on j.id = n.judgement_id"
        )
        return [dict(row) for row in found]


def _kept(sent: Sequence[Sent], rows: Sequence[dict[str, Any]]) -> list[str]:
    """Each acknowledged file is one submission, and no other is."""
    kept = {row["note"]: row["id"] for row in rows}
    taken = {each.note: each.facts["id"] for each in sent if each.is_taken}
    wrong = [f"{len(rows) - len(kept)} submissions are doubled"] if len(kept) != len(rows) else []
    wrong += [f"{note} was acknowledged and is lost" for note in taken.keys() - kept.keys()]
    wrong += [f"{note} was refused and is kept" for note in kept.keys() - taken.keys()]
    for note in taken.keys() & kept.keys():
        if taken[note] != kept[note]:
            wrong.append(f"{note} was acknowledged as {taken[note]} and is {kept[note]}")
    return wrong


def _judged(rows: Sequence[dict[str, Any]]) -> list[str]:
    waits = {"SCORED", "QUEUED", "RUNNING"}
    wrong = [f"submission {row['id']} is {row['state']}" for row in rows if row["state"] not in waits]
    return wrong + [f"submission {row['id']} is judged twice" for row in rows if row["n_judgements"] != 1]


def _limited(rows: Sequence[dict[str, Any]], limit: int) -> list[str]:
    counts = Counter((row["team_id"], row["question"]) for row in rows)
    return [
        f"team {team} has {n} of {limit} for {question}"
        for (team, question), n in counts.items()
        if n > limit
    ]


def _told(sent: Sent, deadline: float) -> list[str]:
    """What one file's sender was told, against the clock."""
    if sent.is_taken and sent.answered_at > deadline + LATE_S:
        stamp = sent.facts["submitted_at"]
        # What was taken before, and was asked for again, is acknowledged again.
        if sent.n_tries == 1:
            return [f"{sent.note} was acknowledged {sent.answered_at - deadline:.1f} s late, as of {stamp}"]
    if sent.status == 403 and sent.answered_at < deadline:
        return [f"{sent.note} was refused {deadline - sent.answered_at:.3f} s before the deadline"]
    if sent.status not in (200, 201, 403, 429):
        return [f"{sent.note} got {sent.status}"]
    return []


def shown_after(hall: Hall, taken: Sequence[Sent]) -> list[float]:
    """Seconds from each acknowledgement until each watcher had a leaderboard with the submission on it."""
    first: dict[int, int] = {}
    for version in sorted(hall.versions.values(), key=lambda each: each.number):
        for submission in version.submissions:
            first.setdefault(submission, version.number)
    after = []
    for seen in hall.seen:
        times = [at for at, _ in seen]
        # A watcher may be given versions out of their order, never an older one than it had.
        numbers = [hall.versions[etag].number for _, etag in seen]
        for each in taken:
            number = first.get(each.facts["id"])
            if number is not None and (place := bisect_left(numbers, number)) < len(times):
                after.append(max(0.0, times[place] - each.answered_at))
    return after
