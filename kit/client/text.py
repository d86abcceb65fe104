"""A competition in a few lines of text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kit.client.http import Json

if TYPE_CHECKING:
    from kit.client.service import Client


WRONG_S = 60.0
"""A clock that is off by less is told to nobody."""


def describe(slug: str, client: Client, overview: Json, clock: str = "", *, ago_s: float = 0.0) -> str:
    """Title, times, questions, who is logged in, and what to call next; it was told ``ago_s`` ago."""
    if overview is None:
        return f"Competition {slug!r} at {client.url}"
    lines = [f"{overview['title']} ({client.url}/{slug}): {when(overview, ago_s)}"]
    for question in overview["questions"]:
        lines.append(f"  question {question['id']!r}: {_question(question)}")
    lines.append(f"  {_who(client, overview)}")
    lines += [f"  {clock}"] if clock else []
    lines.append('  comp.data() · comp.check(p) · comp.submit(p, note="…") · comp.leaderboard()')
    return "\n".join(lines)


def wrong_clock(now: str) -> str:
    """That this machine's clock is wrong, by the service's time ``now`` just told; empty where it is right.

    >>> wrong_clock((datetime.now(UTC) + timedelta(minutes=7, seconds=5)).isoformat())
    "This machine's clock is 7 min slow; the service's counts."
    """
    ahead_s = (_time(now) - datetime.now(UTC)).total_seconds()
    if abs(ahead_s) < WRONG_S:
        return ""
    off = span(timedelta(seconds=abs(ahead_s)))
    return f"This machine's clock is {off} {'slow' if ahead_s > 0 else 'fast'}; the service's counts."


def when(overview: Json, ago_s: float = 0.0) -> str:
    """Whether a competition is open, and for how long, by the service's clock, which was told ``ago_s`` ago.

    >>> told = {"now": "2026-03-01T08:00Z", "opens_at": "2026-03-01T09:00Z", "closes_at": "2026-03-02T09:00Z"}
    >>> [when(told, ago_s) for ago_s in (0, 3600, 25 * 3600)]
    ['opens in 1 h', 'open, closes in 1 d', 'closed since 2026-03-02 09:00 UTC']
    """
    now = _time(overview["now"]) + timedelta(seconds=round(ago_s))
    opens_at, closes_at = _time(overview["opens_at"]), _time(overview["closes_at"])
    if now < opens_at:
        return f"opens in {span(opens_at - now)}"
    if now < closes_at:
        return f"open, closes in {span(closes_at - now)}"
    return f"closed since {closes_at:%Y-%m-%d %H:%M} UTC"


def span(duration: timedelta) -> str:
    """A duration in its two largest units.

    Examples
    --------
    >>> span(timedelta(days=3, hours=4, minutes=5)), span(timedelta(minutes=59)), span(timedelta(seconds=2))
    ('3 d 4 h', '59 min', '2 s')
    """
    seconds = max(0, int(duration.total_seconds()))
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append((name, count))
    if not parts:
        return "0 s"
    shown = parts[:2] if parts[0][0] in "dh" else parts[:1]
    return " ".join(f"{count} {name}" for name, count in shown)


def _question(question: Json) -> str:
    metric = next((m for m in question["metrics"] if m["name"] == question["metric"]), None)
    better = ""
    if metric is not None:
        better = ", greater is better" if metric["greater_is_better"] else ", less is better"
    if "predictions" not in question.get("kinds", ["predictions"]) and question.get("n_rows") is None:
        return f"{question['metric']}{better}; submit code: {', '.join(question['code']['entries'])}"
    columns = ", ".join(question["columns"])
    rows = f"{question['n_rows']:,} rows" if question.get("n_rows") else "rows"
    return f"{question['metric']}{better}; predict {columns} for {rows} by {question['id_column']}"


def _who(client: Client, overview: Json) -> str:
    if not client.token:
        return "not logged in"
    me = overview.get("me")
    if not me:
        return "logged in"
    team = f", team {me['team']}" if me.get("team") and me["team"] != me["name"] else ""
    return f"logged in as {me['name']}{team}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
