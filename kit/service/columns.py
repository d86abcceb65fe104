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
from kit.service.window import Shown
from kit.store import Blended, Given, Store
from kit.submission import Split

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


@dataclass(frozen=True)
class _Known:
    """What a question's blend and credits lead to; by whom or what has a row."""

    marks: object
    blended: Blended | None
    parts: Mapping[Per, Mapping[object, Part]]
    built_on: Mapping[Per, Mapping[object, list[models.BuiltOn]]]


class Columns:
    """Fills in rows of leaderboards; what blends and credits lead to is worked out once for each of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, str, str], _Known] = {}

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
        times = self._store.runs.totals([row.submission for row in rows]) if takes_runs else {}
        known = self._known(hosted, question)
        shares = known.parts[per] if is_told(shown) else {}
        built_on = known.built_on[per]
        filled = []
        for row in rows:
            more = {**_told(shares.get(_key(row, per)), shown)} if not row.baseline else {}
            more |= times.get(row.submission, {})
            if not row.baseline and (sources := built_on.get(_key(row, per))) is not None:
                more["built_on"] = sources
            filled.append(row.model_copy(update=more) if more else row)
        return filled

    def board(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        shown: Shown,
        version: int,
        rows: list[models.BoardRow],
        *,
        per: Per | None = "team",
    ) -> models.Leaderboard:
        """A leaderboard of rows that are filled in; ``per`` is None for what was: blends are of now."""
        return models.Leaderboard(
            competition=hosted.slug,
            question=question.id,
            split=split.value,
            metric=question.question.metric,
            greater_is_better=question.metrics[0].greater_is_better,
            version=version,
            updated_at=max((row.submitted_at for row in rows), default=None),
            closed=shown.is_closed,
            hidden=shown.sight.is_hidden,
            mode=shown.mode,
            exact=shown.is_exact,
            n_rows=len(rows),
            offset=0,
            own=None,
            per=per or "team",
            blend=None if per is None else self._blend(hosted, question, rows, shown),
            rows=rows,
        )

    def _blend(
        self, hosted: Hosted, question: HostedQuestion, rows: Sequence[models.BoardRow], shown: Shown
    ) -> models.Blend | None:
        """The ensemble of all, with no more digits than the first row's score has."""
        blended = self._known(hosted, question).blended if is_told(shown) else None
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

    def _known(self, hosted: Hosted, question: HostedQuestion) -> _Known:
        key = (hosted.slug, question.id, question.version)
        # The marks are read before what they stand for: that may be newer than they say, never older.
        marks = self._store.blends.marks(hosted.slug, question.id)
        known = self._kept.get(key)
        if known is None or known.marks != marks:
            self._kept[key] = known = self._work_out(hosted, question, marks)
        return known

    def _work_out(self, hosted: Hosted, question: HostedQuestion, marks: object) -> _Known:
        takes_code = question.question.code is not None
        owed = self._store.blends.credits(hosted.slug, question.id) if takes_code else []
        found = self._store.blends.of(hosted.slug, question.id)
        blended = found if found is not None and found.version == question.version else None
        kinds: tuple[Per, ...] = ("team", "submission")
        return _Known(
            marks,
            blended,
            {per: {} if blended is None else parts(blended, owed, per) for per in kinds},
            {per: _built_on(owed, per) for per in kinds},
        )


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
