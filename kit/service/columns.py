"""What leaderboards tell beside scores: contributivity, what runs took, who built on whom, the blend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kit._scoring import told
from kit.contributivity import Credit, historical
from kit.service import models
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.paging import Shown
from kit.store import Blended, Given, Store

Per = Literal["team", "submission"]
DIGITS = 4
"""Significant digits of what is scored on training rows."""
TINY = 1e-9


@dataclass(frozen=True)
class Part:
    """What of all folds' ensembles is a team's, or a submission's, in per cent."""

    exact: float = 0.0
    historical: float = 0.0
    bagged: float | None = None
    variance: float = 0.0


class Columns:
    """Fills in rows of leaderboards."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def fill(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        rows: Sequence[models.BoardRow],
        shown: Shown,
        per: Per,
    ) -> list[models.BoardRow]:
        """Rows with all that may be told of them."""
        takes_runs = question.question.code is not None
        owed = self._store.blends.credits(hosted.slug, question.id) if takes_runs else []
        times = self._store.runs.totals([row.submission for row in rows]) if takes_runs else {}
        blended = self._blended(hosted, question) if is_told(shown) else None
        shares = {} if blended is None else parts(blended, owed, per)
        built_on = _built_on(owed, per)
        return [
            row.model_copy(
                update={
                    **_told(shares.get(_key(row, per)) if not row.baseline else None, shown),
                    **times.get(row.submission, {}),
                    "built_on": [] if row.baseline else built_on[_key(row, per)],
                }
            )
            for row in rows
        ]

    def blend(
        self, hosted: Hosted, question: HostedQuestion, rows: Sequence[models.BoardRow], shown: Shown
    ) -> models.Blend | None:
        """The ensemble of all, with no more digits than the first row's score has."""
        blended = self._blended(hosted, question) if is_told(shown) else None
        if blended is None:
            return None
        steps = ("valid", "public", "private") if shown.is_exact or shown.is_closed else ("valid", "public")
        se = max(((row.high - row.low) / 4 for row in rows[:1]), default=0.0)

        def scores(of: Mapping[str, float]) -> dict[str, float]:
            return {step: _score(step, of[step], se, shown) for step in steps if step in of}

        assert blended.made_at is not None
        return models.Blend(
            combined=scores(blended.scores.get("combined", {})),
            foldwise_best=scores(blended.scores.get("foldwise_best", {})),
            n_submissions=len(blended.shares),
            n_left_out=blended.n_left_out,
            n_folds=blended.n_folds,
            made_at=blended.made_at,
            why=blended.why,
        )

    def _blended(self, hosted: Hosted, question: HostedQuestion) -> Blended | None:
        found = self._store.blends.of(hosted.slug, question.id)
        return found if found is not None and found.version == question.version else None


def is_told(shown: Shown) -> bool:
    """Whether public scores are shown as they are: contributivity hangs on labels as they do."""
    return shown.is_exact or (
        shown.mode == "public" and not shown.sight.is_hidden and shown.sight.until is None
    )


def parts(blended: Blended, owed: Sequence[Given], per: Per) -> dict[object, Part]:
    """Contributivity by team, or by submission."""
    names = dict(blended.teams)
    for each in owed:
        names |= {each.submission: each.team, each.source: each.source_team}
    # Ids grow with time.
    numbers = sorted(names)
    at = {number: place for place, number in enumerate(numbers)}
    exact = np.array([blended.shares[n].exact if n in blended.shares else 0.0 for n in numbers])
    credits = [Credit(at[each.submission], at[each.source], each.share) for each in owed]
    passed = historical(exact, credits, newest_first=range(len(numbers) - 1, -1, -1))
    found: dict[object, Part] = defaultdict(Part)
    for number, place in at.items():
        key: object = names[number] if per == "team" else number
        so_far, share = found[key], blended.shares.get(number)
        is_bagged = share is not None and share.bagged is not None
        found[key] = Part(
            so_far.exact + exact[place],
            so_far.historical + passed[place],
            (so_far.bagged or 0.0) + (share.bagged or 0.0) if share and is_bagged else so_far.bagged,
            so_far.variance + (share.error or 0.0) ** 2 if share and is_bagged else so_far.variance,
        )
    return dict(found)


def _told(part: Part | None, shown: Shown) -> dict[str, Any]:
    if part is None:
        return {}
    digits = 1 if shown.is_exact else 0
    bagged = part.bagged
    return {
        "contributivity": round(part.exact, digits),
        "historical_contributivity": round(part.historical, digits),
        "bagged_contributivity": None if bagged is None else round(bagged, digits),
        "contributivity_error": None
        if bagged is None
        else max(10.0**-digits, round(part.variance**0.5, digits)),
    }


def _built_on(owed: Sequence[Given], per: Per) -> dict[object, list[models.BuiltOn]]:
    """Whom a team, or a submission, credits, most first; not itself."""
    shares: dict[object, dict[tuple[int, str], float]] = defaultdict(lambda: defaultdict(float))
    for each in owed:
        if each.source_team != each.team:
            key: object = each.team if per == "team" else each.submission
            shares[key][each.source, each.source_team] += each.share
    found: dict[object, list[models.BuiltOn]] = defaultdict(list)
    for key, sources in shares.items():
        first = sorted(sources, key=lambda source: (-sources[source], source))
        found[key] = [models.BuiltOn(submission=number, team=team) for number, team in first]
    return found


def _key(row: models.BoardRow, per: Per) -> object:
    return row.team if per == "team" else row.submission


def _score(step: str, value: float, se: float, shown: Shown) -> float:
    if shown.is_exact:
        return value
    if step == "valid":
        return float(f"{value:.{DIGITS}g}")
    # Everyone's submission moves it: never more than three digits, whatever the errors.
    rough = told(value, 0.0)
    return told(rough, se) if se > TINY * abs(value) else rough
