"""Every error of the kit, by who must act; it knows nothing of HTTP.

KitError
├── ParticipantError          the participant mends it; crosses HTTP as the same class with the same text
│   ├── InvalidPredictions    the predictions do not fit the question
│   ├── NotAllowed            closed, rules not accepted, wrong role
│   │   └── OverLimit         not now, but maybe later: a limit is used up
│   ├── NotLoggedIn           no token, or one that is wrong, revoked or expired
│   ├── NotFound              no such competition, question, submission
│   ├── AlreadyExists         the name is taken
│   └── InvalidRequest        anything else that was asked for wrongly
├── OrganizerError            the organizer mends it; participants see an incident number only
│   ├── InvalidCompetition    competition.toml or its files, all problems at once
│   ├── MetricFailed          a metric raised or did not return a finite number
│   ├── BaselineFailed        a reference notebook no longer runs
│   └── SandboxUnavailable    this machine cannot hold code as far away as was asked for
└── ServiceError              seen by a client: the service failed or cannot be reached
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


class KitError(Exception):
    """Base of all errors the kit raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        # IPython's protocol: the person's own line and the text, without the forty lines between.
        own = next(iter(traceback.extract_tb(self.__traceback__)[1:]), None)
        where = [f"line {own.lineno}: {own.line}"] if own is not None and own.line else []
        # What a cell magic is turned into, nobody wrote.
        where = [line for line in where if ": get_ipython()" not in line]
        return [*where, f"{type(self).__name__}: {self}"]


class ParticipantError(KitError):
    """An error the participant can mend; its text may be shown to anyone."""


class NotAllowed(ParticipantError):
    """The request is understood, and refused: closed, over a limit, rules not accepted, wrong role."""


class OverLimit(NotAllowed):
    """A limit is used up; ``retry_at`` is when it is worth asking again, None where never."""

    def __init__(self, message: str, retry_at: datetime | None = None) -> None:
        self.retry_at = retry_at
        super().__init__(message)


class NotLoggedIn(ParticipantError):
    """There is no token, or it is wrong, revoked or expired."""


class NotFound(ParticipantError):
    """There is no such thing, or it is not this participant's to see."""


class AlreadyExists(ParticipantError):
    """The name is taken."""


class InvalidRequest(ParticipantError):
    """The request cannot be carried out as it stands."""


class InvalidPredictions(ParticipantError):
    """The predictions do not fit the question; lists every problem at once.

    Parameters
    ----------
    question : str
        Id of the question.
    problems : sequence of str
        One line each, with the values and, where it is not plain, the way out.

    Examples
    --------
    >>> print(InvalidPredictions("counts", ["2 ids missing: 17, 18", "1 id repeated: 5"]))
    The predictions do not fit question 'counts'.
      - 2 ids missing: 17, 18
      - 1 id repeated: 5
    """

    def __init__(self, question: str, problems: Sequence[str]) -> None:
        self.question = question
        self.problems = tuple(problems)
        super().__init__(_listed(f"The predictions do not fit question {question!r}.", self.problems))


class OrganizerError(KitError):
    """An error the organizer can mend; participants see an incident number only."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a competition: where, what, and the way out."""

    file: str
    key: str
    text: str
    fix: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.text} {self.fix}".rstrip()


class InvalidCompetition(OrganizerError):
    """A competition cannot open; lists every problem with file, key and the way out."""

    def __init__(self, directory: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(_listed(f"The competition in {directory} has problems.", [str(p) for p in problems]))


class MetricFailed(OrganizerError):
    """A metric raised, or returned something that is not a finite number."""


class BaselineFailed(OrganizerError):
    """A reference notebook no longer runs."""


class SandboxUnavailable(OrganizerError):
    """This machine cannot hold participants' code as far away as was asked for, or the sandbox failed."""


class ServiceError(KitError):
    """The service failed (with an incident number) or cannot be reached; ``what`` is that in a few words."""

    def __init__(self, message: str, *, what: str = "The service does not answer") -> None:
        self.what = what
        super().__init__(message)


def _listed(head: str, problems: Sequence[str]) -> str:
    return "\n".join([head, *(f"  - {problem}" for problem in problems)])
