"""Credits: what a submission owes to others, as its team says and as its code suggests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kit.client.http import Json
from kit.client.submission import Submission, number_of
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from kit.client.service import Client

Sources = Sequence[Submission | int] | Submission | int
Shares = Sequence[float] | float


class Credits:
    """What a submission owes; shown as text.

    Parameters
    ----------
    facts : dict
        ``submission``, ``given`` and ``suggested``, as the service tells them.
    """

    def __init__(self, facts: Json) -> None:
        self.facts: dict[str, Any] = facts

    @property
    def given(self) -> dict[int, float]:
        """Shares by the submission they go to."""
        return _shares(self.facts["given"])

    @property
    def suggested(self) -> dict[int, float]:
        """Shares that the likeness of the code suggests."""
        return _shares(self.facts["suggested"])

    def __repr__(self) -> str:
        number = self.facts["submission"]
        lines = [f"Submission {number} owes {told(each)}." for each in self.facts["given"]]
        lines = lines or [f"Submission {number} owes nothing to others."]
        if new := [each for each in self.facts["suggested"] if each["submission"] not in self.given]:
            lines.append(f"Its code suggests {' and '.join(map(told, new))}: comp.credit({number}).")
        return "\n".join(lines)


def told(credit: Json) -> str:
    """A credit in words."""
    return f"{credit['share']:.0%} to {credit['submission']} by {credit['team']}"


def look(client: Client, submission: Submission | int) -> Credits:
    """What a submission owes."""
    return Credits(client.get(f"/submissions/{number_of(submission)}/credits"))


def give(
    client: Client, submission: Submission | int, to: Sources | None = None, shares: Shares | None = None
) -> Credits:
    """Record what a submission owes; see `CompetitionClient.credit`."""
    number = number_of(submission)
    suggested = {} if to is not None and shares is not None else look(client, number).suggested
    if to is None:
        if not suggested:
            raise InvalidRequest(f"Nothing is suggested for {number}: say to=[…], shares=[…].")
        to = list(suggested)
    named = [number_of(each) for each in (to if isinstance(to, Sequence) else [to])]
    if shares is None:
        unknown = [each for each in named if each not in suggested]
        if unknown:
            raise InvalidRequest(f"No share is suggested for {unknown[0]}: say shares=[…], from 0 to 1.")
        shares = [suggested[each] for each in named]
    given = list(shares) if isinstance(shares, Sequence) else [shares]
    if len(given) != len(named):
        raise InvalidRequest(f"There are {len(named)} sources and {len(given)} shares: give one for each.")
    owed = [{"submission": source, "share": float(share)} for source, share in zip(named, given, strict=True)]
    return Credits(client.put(f"/submissions/{number}/credits", {"to": owed}))


def _shares(credits: Json) -> dict[int, float]:
    return {int(each["submission"]): float(each["share"]) for each in credits}
