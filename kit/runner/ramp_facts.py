"""What a problem.py says of itself, read once in a process of its own and kept as JSON. Holds no labels."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from kit.competition import Competition, Question
from kit.errors import InvalidCompetition, Problem

KEPT = ".problem.json"


@dataclass(frozen=True)
class ProblemFacts:
    """What may be known of a problem.

    Parameters
    ----------
    entries : tuple of str
        Files that a submission must have.
    metrics : tuple of str
        Score types, that which ranks first.
    directions : mapping of str to bool
        Whether greater is better, by score type.
    """

    title: str
    entries: tuple[str, ...]
    metrics: tuple[str, ...]
    directions: Mapping[str, bool]
    n_folds: int

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            Something else did.
        """
        facts = json.loads(text)
        return cls(**{**facts, "entries": tuple(facts["entries"]), "metrics": tuple(facts["metrics"])})

    def to_json(self) -> str:
        """All of it."""
        return json.dumps(asdict(self))


def read_facts(competition: Competition, question: Question, *, is_copy: bool = False) -> ProblemFacts:
    """Read a problem with its data; in a copy, let sandboxes read what they are to see of these.

    Raises
    ------
    InvalidCompetition
        It fails, or gives no labels of test rows.
    OrganizerError
        Its environment is not there.
    """
    from kit.runner.ramp import RampProblem
    from kit.runner.ramp_staging import make_readable

    with closing(RampProblem(competition, question)) as problem:
        if not problem.n_test:
            raise InvalidCompetition(str(competition.directory), [no_test_labels(question)])
        for folder in problem.folders if is_copy else ():
            make_readable(folder)
        return ProblemFacts(
            title=problem.title,
            entries=problem.entries,
            metrics=problem.metrics,
            directions=dict(problem.directions),
            n_folds=problem.n_folds,
        )


def no_test_labels(question: Question) -> Problem:
    """Without them a competition has no end."""
    path = str(question.code.problem) if question.code else ""
    text = "get_test_data gives no labels, and by them submissions are ranked when the competition closes."
    return Problem(path, "", text, "Give X and y; participants never get y.")


def kept_facts(copy: Competition, question: Question) -> ProblemFacts:
    """As `read_facts`, of the copy of a version: read at its first use, and kept in it.

    Raises
    ------
    InvalidCompetition, OrganizerError
    """
    path = copy.directory / KEPT
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return ProblemFacts.from_json(path.read_text(encoding="utf-8"))
    facts = read_facts(copy, question, is_copy=True)
    _write(path, facts.to_json())
    return facts


def _write(path: Path, text: str) -> None:
    """Whole, or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
