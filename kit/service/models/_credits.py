"""Models of credits: what submissions owe to others, given and suggested."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from kit.service.models._fields import Asked

Share = Annotated[float, Field(ge=0, le=1, description="From 0 to 1.")]


class Owed(Asked):
    """A share of a submission that is owed to an older one."""

    submission: Annotated[int, Field(ge=1, le=2**63 - 1)]
    share: Share


class CreditsAsked(Asked):
    """All that a submission owes, in place of what it owed before; shares are 1 in sum at most."""

    to: list[Owed] = Field(max_length=50)


class Credit(BaseModel):
    """What a submission owes to another."""

    submission: int
    team: str
    share: float


class SharedLines(BaseModel):
    """Lines of a file that are the same in another, but for names, constants and layout."""

    file: str
    start: int
    end: int
    other_file: str
    other_start: int
    other_end: int


class Suggestion(Credit):
    """A credit that the code suggests: it resembles an older submission of another team."""

    lines: list[SharedLines]


class Credits(BaseModel):
    """What a submission owes, as its team says, and what its code suggests."""

    submission: int
    given: list[Credit]
    suggested: list[Suggestion]
