"""All submissions to a question by their scores, as RAMP's leaderboards list them."""

from __future__ import annotations

from kit.leaderboard import Row, rounded
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.store import Store
from kit.submission import Split

MOST = 2000
"""So many, the best, are listed."""


def every(store: Store, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight) -> list[Row]:
    """Rows, best first; equal scores share a rank, and baselines have none."""
    metric = question.metrics[0]
    numbers = store.scored(
        hosted.slug,
        question.id,
        split,
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        until=sight.until,
        most=MOST,
    )
    entries = {entry.submission: entry for entry in store.chosen(dict.fromkeys(numbers, 1))}
    rows: list[Row] = []
    n_above, rank, last = 0, 1, None
    for number in numbers:
        # It may have been judged again since its number was read.
        if number not in entries or metric.name not in entries[number].scores[split]:
            continue
        entry = entries[number]
        score = entry.scores[split][metric.name]
        if rounded(score.score) != last:
            rank, last = n_above + 1, rounded(score.score)
        rows.append(Row(None if entry.is_baseline else rank, entry.team, entry, score, 1))
        n_above += not entry.is_baseline
    return rows
