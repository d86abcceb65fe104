"""``%%submit``: a cell's code as a submission, or as a dry run. Reads the cell, and runs none of it here."""

from __future__ import annotations

import argparse
import difflib
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kit.client.competition import CompetitionClient
from kit.client.connecting import last_connected
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kit.client.submission import Submission
    from kit.client.trial import Trial

USAGE = '%%submit [--note "…"] [--question Q] [--competition NAME] [--again] [--dry-run]'


@dataclass(frozen=True)
class Asked:
    """What stands after ``%%submit``."""

    note: str
    question: str | None
    competition: str | None
    dry_run: bool
    again: bool


def submit(line: str, cell: str) -> Submission | Trial | None:
    """``%%submit --note "…"``: submit the cell's code, which defines ``get_estimator()``.

    ``--question Q`` says which, where there are several; ``--competition NAME`` is a variable or a slug, by
    default the one connected last. ``--dry-run`` runs the folds here on the public training data, and uses
    nothing up. ``--again`` sends it once more, also where it was sent before.
    """
    asked = parsed(line)
    comp = competition(asked.competition)
    facts = comp.question(asked.question)
    if not cell.strip():
        raise InvalidRequest("The cell is empty: below %%submit belongs the code that is to be submitted.")
    if "code" not in facts["kinds"]:
        kinds = " and ".join(facts["kinds"])
        raise InvalidRequest(f"Question {facts['id']!r} takes {kinds}, no code: use comp.submit(…).")
    with tempfile.TemporaryDirectory(prefix="kit-") as folder:
        file = Path(folder) / f"{facts['code']['submission']}.py"
        file.write_text(cell if cell.endswith("\n") else f"{cell}\n", "utf-8")
        if asked.dry_run:
            return comp.dry_run(file, question=facts["id"])
        return comp.submit(file, note=asked.note, question=facts["id"], again=asked.again)


def parsed(line: str) -> Asked:
    """The options of a line.

    Raises
    ------
    InvalidRequest
        Naming what is wrong, and how it is written.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidRequest(f"{line.strip()!r} cannot be read: {error}. {_usage()}") from None
    found, more = _parser().parse_known_args(words)
    if more:
        raise InvalidRequest(f"{_unknown(more[0])} {_usage()}")
    return Asked(found.note, found.question, found.competition, found.dry_run, found.again)


def competition(name: str | None) -> CompetitionClient:
    """The competition meant: by a variable's name or a slug, else the one connected last.

    Raises
    ------
    InvalidRequest, NotFound
        Where there is none.
    """
    if name is None:
        return last_connected()
    found = _variables()
    if name in found:
        return found[name]
    by_slug = [comp for comp in found.values() if comp.slug == name]
    if by_slug:
        return by_slug[-1]
    return last_connected().client.competition(name)


def _variables() -> dict[str, CompetitionClient]:
    from IPython import get_ipython

    shell: InteractiveShell | None = get_ipython()
    names = {} if shell is None else shell.user_ns
    return {name: value for name, value in names.items() if isinstance(value, CompetitionClient)}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidRequest(f"{message[:1].upper()}{message[1:]}. {_usage()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="%%submit", add_help=False, allow_abbrev=False)
    parser.add_argument("--note", "-m", default="")
    parser.add_argument("--question", "-q")
    parser.add_argument("--competition", "-c")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--again", action="store_true")
    return parser


def _unknown(word: str) -> str:
    if not word.startswith("-"):
        return f"What is {word!r}? A note of several words stands in quotes."
    options = ["--note", "--question", "--competition", "--again", "--dry-run"]
    near = difflib.get_close_matches(word, options, n=1)
    return f"There is no option {word}." + (f" Did you mean {near[0]}?" if near else "")


def _usage() -> str:
    return f"Write: {USAGE}"
