"""Whether code can be run for a question: tables, folds, isolation, and a constant submission on one fold."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from kit.competition import FILE, Competition, Question
from kit.errors import InvalidCompetition, InvalidPredictions, MetricFailed, OrganizerError, Problem
from kit.runner.gather import gather
from kit.runner.problem import Problem as Runnable
from kit.runner.problem import load_problem
from kit.runner.ramp import RampProblem
from kit.runner.ramp_facts import no_test_labels
from kit.runner.run import Runner
from kit.runner.settings import RunnerSettings, runner_settings
from kit.truth import Truth

CONSTANT = """\
from sklearn.dummy import {name}


def get_estimator():
    return {name}()
"""


def code_problems(competition: Competition, question: Question, truth: Truth | None) -> Iterator[Problem]:
    """Problems of what a question's code is run on; none of a question that takes no code."""
    if question.code is None:
        return
    try:
        with closing(load_problem(competition, question, truth)) as problem:
            if isinstance(problem, RampProblem) and not problem.n_test:
                yield no_test_labels(question)
            try:
                settings = runner_settings(competition, question)
            except OrganizerError as error:
                fix = "Where the competition is served, it may be otherwise."
                yield Problem(FILE, f"question '{question.id}': code", str(error), fix, warning=True)
                return
            with tempfile.TemporaryDirectory(prefix="kit-check-") as scratch:
                yield from _run_problems(competition, question, problem, settings, Path(scratch) / "code")
    except InvalidCompetition as error:
        yield from error.problems


def _run_problems(
    competition: Competition, question: Question, problem: Runnable, settings: RunnerSettings, code: Path
) -> Iterator[Problem]:
    """Run the simplest submission there is on the first fold."""
    key = f"question '{question.id}': code"
    starting_kit = competition.directory / "submissions" / "starting_kit"
    if question.code and question.code.problem:
        if not starting_kit.is_dir():
            return
        what = "the starting kit"
        gather(starting_kit, code, entries=problem.entries)
    else:
        what = "a constant submission"
        code.mkdir()
        name = "Dummy" + ("Classifier" if problem.task(code).classes else "Regressor")
        (code / problem.entries[0]).write_text(CONSTANT.format(name=name))
    try:
        scores = _first_fold(problem, settings, code)
    except (InvalidPredictions, OrganizerError) as error:
        yield Problem(FILE, key, f"{what} does not run: {error}", "Mend that first.")
        return
    for metric in (name for name, value in scores.items() if math.isnan(value)):
        text = f"'{metric}' is undefined on the rows that the first fold holds out."
        yield Problem(FILE, key, text, "Choose a splitter that gives each fold every class.", warning=True)


def _first_fold(problem: Runnable, settings: RunnerSettings, code: Path) -> dict[str, float]:
    """Scores of the rows held out, by metric."""
    level, fold = settings.isolation.level, problem.fold(0)
    with closing(Runner(settings.limits, level=level, python=settings.python)) as runner:
        run = runner.run(problem.task(code), fold.X_train, fold.y_train, fold.X, fold.X_test)
    if run.verdict is not None:
        raise MetricFailed(f"{run.reason}\n{run.traceback}".strip())
    return dict(problem.fold_scores(0, problem.read(run))["valid"])
