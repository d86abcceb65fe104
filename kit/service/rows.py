"""Lines of leaderboards as the models that cross HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kit.combined import CombinedRow
from kit.leaderboard import Row
from kit.service import models, showing
from kit.submission import Split

Members = Mapping[str, Sequence[str]]
"""Of a team."""


def board_row(row: Row, split: Split, members: Members, *, exact: bool) -> models.BoardRow:
    """A team's line on a question's leaderboard."""
    is_baseline, scores = row.entry.is_baseline, row.entry.scores[split]
    own = scores[row.score.metric]
    metrics = {name: showing.number(each.score, each.error, exact=exact) for name, each in scores.items()}
    return models.BoardRow(
        rank=row.rank,
        rank_low=row.rank_low,
        rank_high=row.rank_high,
        tie_with_first=row.tie_with_first,
        # Everybody's: two digits, as it is drawn at random, and it comes from what is secret.
        p_first=None if row.p_first is None else round(row.p_first, 2),
        team=row.team,
        members=[] if is_baseline else list(members.get(row.team, [])),
        score=metrics[own.metric],
        low=showing.number(own.low, own.error, exact=exact),
        high=showing.number(own.high, own.error, exact=exact),
        level=own.level,
        warning=showing.warning(own, exact=exact),
        metrics=metrics,
        n_submissions=row.n_submissions,
        submitted_at=row.entry.submitted_at,
        submission=row.entry.submission,
        baseline=is_baseline,
        # What a team noted is the team's; a baseline's note says what it is.
        note=row.entry.note if is_baseline else None,
        shake_up=row.shake_up,
        # Said, as a default is copied deeply for each row.
        built_on=[],
    )


def combined_row(
    row: CombinedRow, members: Members, are_parts_exact: bool, is_exact: bool
) -> models.CombinedRow:
    """A team's line on the leaderboard of several questions."""
    return models.CombinedRow(
        rank=row.rank,
        team=row.team,
        members=list(members.get(row.team, [])),
        score=showing.number(row.score, row.se, exact=is_exact),
        parts={q: showing.part(part, exact=are_parts_exact) for q, part in row.parts.items()},
        baseline=False,
    )
