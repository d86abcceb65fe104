"""Ranks from scores: best per team, ties, selected submissions, shake-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from kit._scoring import MOST_PAIRED, Ranks, rank_teams
from kit.metrics import Array
from kit.submission import Score, Split

DIGITS = 10
"""Scores are rounded to this many significant digits before ranking: what differs less is a tie."""


@dataclass(frozen=True)
class Entry:
    """A scored submission that may stand on a leaderboard."""

    submission: int
    team: str
    submitted_at: datetime
    scores: Mapping[Split, Mapping[str, Score]]
    is_selected: bool = False
    is_baseline: bool = False
    note: str = ""
    judgement: int = 0
    version: str = ""
    """Of the question, under which it was judged."""
    n_tries: int | None = None
    """How many scored submissions its team has, where not all of them are given."""


@dataclass(frozen=True)
class Row:
    """One team's line on a leaderboard; ``rank`` is None for baselines, which are placed but not ranked.

    ``rank_low`` to ``rank_high`` are the plausible ranks, ``tie_with_first`` says that it cannot be told
    apart from rank 1, and ``p_first`` how probably it is truly first: None where that is not known.
    """

    rank: int | None
    team: str
    entry: Entry
    score: Score
    n_submissions: int
    shake_up: int | None = None
    """Places won from the public to the private leaderboard; negative where lost."""
    rank_low: int | None = None
    rank_high: int | None = None
    tie_with_first: bool = False
    p_first: float | None = None


def rank(
    entries: Iterable[Entry], *, metric: str, greater_is_better: bool, split: Split = Split.PUBLIC
) -> list[Row]:
    """The leaderboard of a question, in its order.

    The public one shows each team's best public score. The private one shows, of the submissions the
    team selected, the best private score; of a team that selected none, the private score of its best
    public submission. Ties share a rank, and the earlier submission stands first.
    """
    by_team: dict[tuple[bool, str], list[Entry]] = {}
    for entry in entries:
        by_team.setdefault((entry.is_baseline, entry.team), []).append(entry)
    order = _Order(metric, greater_is_better)
    chosen = [(order.choose(team, split), len(team)) for team in by_team.values()]
    rows = [Row(None, e.team, e, e.scores[split][metric], e.n_tries or n) for e, n in chosen]
    rows.sort(key=lambda row: order.key(row.entry, split))
    ranked = _with_ranks(rows, order, split)
    if split is Split.PRIVATE:
        public = {
            r.team: r.rank
            for r in rank(
                [e for team in by_team.values() for e in team],
                metric=metric,
                greater_is_better=greater_is_better,
            )
            if r.rank is not None
        }
        return [replace(r, shake_up=public[r.team] - r.rank) if r.rank is not None else r for r in ranked]
    return ranked


@dataclass(frozen=True)
class _Order:
    metric: str
    greater_is_better: bool

    def points(self, entry: Entry, split: Split) -> float:
        """Rounded score; smaller is better."""
        value = rounded(entry.scores[split][self.metric].score)
        return -value if self.greater_is_better else value

    def key(self, entry: Entry, split: Split) -> tuple[float, datetime, int]:
        return self.points(entry, split), entry.submitted_at, entry.submission

    def choose(self, team: Sequence[Entry], split: Split) -> Entry:
        selected = [e for e in team if e.is_selected]
        if split is Split.PRIVATE and selected:
            return min(selected, key=lambda e: self.key(e, Split.PRIVATE))
        return min(team, key=lambda e: self.key(e, Split.PUBLIC))


def _with_ranks(rows: Sequence[Row], order: _Order, split: Split) -> list[Row]:
    ranks = iter(shared_ranks(order.points(row.entry, split) for row in rows if not row.entry.is_baseline))
    return [row if row.entry.is_baseline else replace(row, rank=next(ranks)) for row in rows]


def with_uncertainty(
    rows: Sequence[Row], influences: Mapping[int, Array], *, greater_is_better: bool
) -> list[Row]:
    """The leaderboard with rank intervals, tie group and probabilities of being first.

    Only what was judged under one version of the question can be compared: that of most teams. The others
    are ranked, have no rank interval, and may be anywhere in those of the rest. Where rank 1 is one of
    them, nobody is tied with it and nobody is first with a probability. All of it may be shown to
    participants.

    Parameters
    ----------
    influences : mapping from judgement to ndarray of shape (n_blocks,)
        On the split of these rows; of the first `MOST_PAIRED` of them at least.
    """
    ranked = [row for row in rows if row.rank is not None]
    found = plausible_ranks(
        [row.entry.judgement for row in ranked],
        [row.entry.version for row in ranked],
        np.array([rounded(row.score.score) for row in ranked]) * (1.0 if greater_is_better else -1.0),
        np.array([row.score.error for row in ranked]),
        influences,
    )
    return [row if row.rank is None else found.told(row) for row in rows]


@dataclass(frozen=True, eq=False)
class Plausible:
    """What `plausible_ranks` found, by judgement."""

    places: Mapping[int, int]
    """Of a judgement, its place in the arrays; those that cannot be compared have none."""
    ranks: Ranks
    n_others: int
    has_first: bool

    def told(self, row: Row) -> Row:
        """A row with its plausible ranks, where they are known."""
        if (place := self.places.get(row.entry.judgement)) is None or row.rank is None:
            return row
        low, high = int(self.ranks.low[place]), int(self.ranks.high[place]) + self.n_others
        return replace(
            row,
            # Since they were found, others may have come between.
            rank_low=min(low, row.rank),
            rank_high=max(high, row.rank),
            tie_with_first=self.has_first and bool(self.ranks.may_be_first[place]),
            p_first=float(self.ranks.p_first[place]) if self.has_first else None,
        )


def plausible_ranks(
    judgements: Sequence[int],
    versions: Sequence[str],
    skills: Array,
    errors: Array,
    influences: Mapping[int, Array],
    *,
    n_paired: int = MOST_PAIRED,
) -> Plausible:
    """See `with_uncertainty`; of teams, best first.

    However many they are, it takes no more than sorting all and comparing the first ``n_paired`` by pairs.
    The others, and the first with them, are told apart where their own intervals are: that is wider than
    paired comparisons would be, never too narrow.

    Parameters
    ----------
    skills : ndarray of shape (n_teams,)
        Rounded scores, of which greater is better.
    errors : ndarray of shape (n_teams,)
        Their standard errors.
    """
    groups = {
        judgement: (versions[i], len(influences[judgement]))
        for i, judgement in enumerate(judgements[:n_paired])
        if judgement in influences
    }
    if not groups:
        nothing = np.empty(0)
        return Plausible({}, Ranks(nothing, nothing, nothing, nothing), 0, False)
    # Of equally many, the group whose best stands first.
    ((most, _),) = Counter(groups.values()).most_common(1)
    known = [
        i
        for i, judgement in enumerate(judgements)
        if (groups.get(judgement) == most if i < n_paired else versions[i] == most[0])
    ]
    found = rank_teams(
        skills[known],
        np.stack([influences[judgement] for judgement in groups if groups[judgement] == most]),
        errors=errors[known],
        greater_is_better=True,
        is_coarse=True,
    )
    places = {judgements[i]: place for place, i in enumerate(known)}
    # Those tied with rank 1 are as first as it is.
    has_first = bool(skills[known[0]] == skills[0])
    return Plausible(places, found, len(judgements) - len(known), has_first)


def shared_ranks(points: Iterable[float]) -> list[int]:
    """Ranks of what is sorted by its points: equal ones share the best of theirs.

    >>> shared_ranks([0.1, 0.2, 0.2, 0.4])
    [1, 2, 2, 4]
    """
    first: dict[float, int] = {}
    return [first.setdefault(each, place) for place, each in enumerate(points, start=1)]


def rounded(score: float) -> float:
    """A score at DIGITS significant digits.

    >>> rounded(0.1 + 0.2) == rounded(0.3)
    True
    """
    return float(f"{score:.{DIGITS - 1}e}")
