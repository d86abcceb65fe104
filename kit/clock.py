"""The server's clock and how it writes times: aware UTC, as text that sorts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the time in aware UTC; tests hand in their own."""


def utc_now() -> datetime:
    """The time now, in aware UTC."""
    return datetime.now(UTC)


def to_text(at: datetime) -> str:
    """A time as fixed-width RFC 3339 UTC, so that text sorts as time does.

    >>> to_text(datetime(2026, 3, 1, 9, tzinfo=UTC))
    '2026-03-01T09:00:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """The inverse of ``to_text``."""
    return datetime.fromisoformat(text)
