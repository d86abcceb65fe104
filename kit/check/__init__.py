"""Every problem of a competition at once, before it opens. Reads files; changes nothing, knows no store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kit.check._code import code_problems
from kit.check._data import data_problems, read_data
from kit.check._files import file_problems
from kit.check._leaks import leak_problems
from kit.check._metrics import metric_problems
from kit.check._truth import truth_problems
from kit.competition import Question, read_competition
from kit.errors import InvalidCompetition, Problem
from kit.truth import read_truth

__all__ = ["check_competition"]


def check_competition(directory: Path | str, *, now: datetime) -> list[Problem]:
    """All that is wrong with a competition, errors before warnings; empty where it is ready to open.

    Parameters
    ----------
    now : datetime
        Aware; a competition that has closed by now gets a warning.
    """
    competition, problems = read_competition(directory)
    if competition is None:
        return problems
    problems += file_problems(competition, now)
    frames, unread = read_data(competition)
    problems += unread
    for question in competition.question:
        if question.code and question.code.problem:
            if _can_run(question, problems):
                problems += code_problems(competition, question, None)
            continue
        if not (competition.directory / question.truth).is_file():
            continue
        try:
            truth = read_truth(competition, question)
        except InvalidCompetition as error:
            problems += error.problems
            continue
        problems += truth_problems(question, truth)
        problems += data_problems(competition, question, truth, frames)
        problems += leak_problems(question, truth, frames)
        problems += metric_problems(competition, question, truth)
        if _can_run(question, problems):
            problems += code_problems(competition, question, truth)
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.warning)


def _can_run(question: Question, problems: Sequence[Problem]) -> bool:
    """Whether nothing is wrong so far with the keys of [question.code]."""
    return not any(problem.key.startswith(f"question '{question.id}': code.") for problem in problems)
