"""Whether a team may submit now: phases, limits and rules. Decides; counts nothing and keeps nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kit.competition import Competition, Phase
from kit.errors import NotAllowed, OverLimit


@dataclass(frozen=True)
class Usage:
    """What a team has used of its limits on one question, in one phase."""

    used_today: int = 0
    used: int = 0
    n_waiting: int = 0
    last_submitted_at: datetime | None = None


@dataclass(frozen=True)
class Allowance:
    """What is left of a team's limits; None where there is no limit."""

    left_today: int | None
    left: int | None
    resets_at: datetime
    next_at: datetime | None
    """When the interval between two submissions is over; None where that is now."""


def open_phase(competition: Competition, now: datetime) -> Phase:
    """The phase open at ``now``.

    Raises
    ------
    NotAllowed
        Says when the competition opens, or that it has closed.
    """
    check_open(competition, now)
    phase = competition.phase_at(now)
    if phase is not None:
        return phase
    coming = [p for p in competition.phases if p.opens_at and p.opens_at > now]
    then = f"; '{coming[0].id}' opens at {_utc(coming[0].opens_at)}" if coming else ""
    raise NotAllowed(f"No phase of '{competition.slug}' is open now ({_utc(now)}){then}.")


def check_open(competition: Competition, now: datetime) -> None:
    """Let pass what may be done from the opening to the closing, pauses between phases included.

    Raises
    ------
    NotAllowed
        Says when the competition opens, or that it has closed.
    """
    if now < competition.opens_at:
        raise NotAllowed(f"'{competition.slug}' opens at {_utc(competition.opens_at)}; it is {_utc(now)}.")
    if now >= competition.closes_at:
        raise NotAllowed(
            f"'{competition.slug}' closed at {_utc(competition.closes_at)}; it is {_utc(now)}. "
            "Submissions and selections are no longer taken."
        )


def allowance(competition: Competition, phase: Phase, usage: Usage, now: datetime) -> Allowance:
    """What is left of a team's limits at ``now``."""
    ready_at = None
    if usage.last_submitted_at is not None and phase.interval_s:
        ready_at = usage.last_submitted_at + timedelta(seconds=phase.interval_s)
    return Allowance(
        left_today=None if phase.daily_limit is None else max(0, phase.daily_limit - usage.used_today),
        left=None if phase.total_limit is None else max(0, phase.total_limit - usage.used),
        resets_at=day_of(competition, now) + timedelta(days=1),
        next_at=ready_at if ready_at is not None and ready_at > now else None,
    )


def admit(competition: Competition, phase: Phase, usage: Usage, now: datetime) -> None:
    """Let a submission pass, or say which limit it meets and when it may come again.

    Raises
    ------
    OverLimit
    """
    left = allowance(competition, phase, usage, now)
    if left.left_today == 0:
        raise OverLimit(
            f"Your team has used its {phase.daily_limit} submissions of today; "
            f"the next day starts at {_utc(left.resets_at)}.",
            left.resets_at,
        )
    if left.left == 0:
        raise OverLimit(f"Your team has used its {phase.total_limit} submissions of phase '{phase.id}'.")
    if left.next_at is not None:
        raise OverLimit(
            f"One submission each {phase.interval_s:g} s: wait until {_utc(left.next_at)}.", left.next_at
        )
    if phase.concurrent_limit is not None and usage.n_waiting >= phase.concurrent_limit:
        raise OverLimit(
            f"{usage.n_waiting} submissions of your team are waiting to be judged, "
            f"and {phase.concurrent_limit} may wait at a time: submit again when one is done."
        )


def day_of(competition: Competition, now: datetime) -> datetime:
    """When the day of limits began that ``now`` falls in, in UTC."""
    starts = competition.limits.day_starts_at
    start = datetime.combine(now.astimezone(UTC).date(), starts, tzinfo=UTC)
    return start if start <= now else start - timedelta(days=1)


def _utc(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
