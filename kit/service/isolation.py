"""Which isolation participants' code runs in here, and which questions ask for more. Runs none of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kit.runner.sandbox import Level, detect_isolation
from kit.service.hosted import Hosted
from kit.service.models._service import Shown
from kit.service.models.organizer import Isolation


def isolation(hosted: Iterable[Hosted]) -> Shown:
    """The level in force; not in use where no question takes code."""
    if any(question.question.code for each in hosted for question in each.questions.values()):
        return detect_isolation().level.value
    return "not in use"


def isolation_in_full(hosted: Collection[Hosted]) -> Isolation:
    """The level with all that makes it, for organizers."""
    level = isolation(hosted)
    if level == "not in use":
        return Isolation(level=level, features=[], missing=[], refused=[])
    found = detect_isolation()
    return Isolation(
        level=level, features=list(found.features), missing=list(found.missing), refused=too_little(hosted)
    )


def too_little(hosted: Iterable[Hosted]) -> list[str]:
    """Of each question that asks for more isolation than there is, a line; none of its code is run."""
    told = []
    for each in hosted:
        for question in each.questions.values():
            code = question.question.code
            if code is not None and not detect_isolation().level.is_at_least(Level(code.isolation)):
                found = detect_isolation()
                told.append(
                    f"{each.slug}/{question.id}: code runs only '{code.isolation}', and here it would be "
                    f"'{found.level.value}' ({'; '.join(found.missing)}): none of it is run. Mend that, or "
                    f'accept it by name: isolation = "{found.level.value}" in [question.code].'
                )
    return told
