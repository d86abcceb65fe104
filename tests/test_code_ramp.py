"""Kits in RAMP's contract: the same numbers as ramp-workflow's own program, without labels in the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ramp_kit

from kit.check import check_competition
from kit.competition import load_competition
from kit.errors import InvalidCompetition, InvalidPredictions
from kit.runner import ramp_steps
from kit.runner.folds import CodeReport, run_folds
from kit.runner.gather import gather
from kit.runner.problem import Predicted
from kit.runner.ramp import RampProblem
from kit.runner.run import Run
from kit.runner.settings import runner_settings
from kit.submission import Split, Verdict

pytest.importorskip("rampwf")


def loaded(directory: Path) -> RampProblem:
    competition = load_competition(directory)
    return RampProblem(competition, competition.question[0])


def run(directory: Path) -> CodeReport:
    competition = load_competition(directory)
    question = competition.question[0]
    problem = loaded(directory)
    code = gather(directory / "submissions/starting_kit", directory.parent / "code", entries=problem.entries)
    try:
        return run_folds(problem, code, runner_settings(competition, question))
    finally:
        problem.close()


def ramp_test(directory: Path) -> None:
    """Run ramp-workflow's own program on the same kit."""
    program = Path(sys.executable).with_name("ramp-test")
    where = ["--ramp-kit-dir", ".", "--ramp-data-dir", ".", "--submission", "starting_kit"]
    variables = os.environ | {"PYTHONPATH": str(directory)}
    subprocess.run(
        [program, *where, "--save-output"], cwd=directory, env=variables, check=True, capture_output=True
    )


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "values, folds told to the workflow"])
def test_scores_are_those_of_ramp_test(tmp_path: Path, classes: bool) -> None:
    directory = ramp_kit.write(tmp_path / "kit", classes=classes)
    ramp_test(directory)
    folds, bagged = ramp_kit.scores_of(directory)

    report = run(directory)

    assert report.verdict is None, report.reason
    assert len(report.folds) == len(folds)
    for fold, theirs in zip(report.folds, folds, strict=True):
        for step in ("train", "valid", "test"):
            for name, value in fold.scores[step].items():
                assert value == pytest.approx(theirs.loc[step, name], abs=1e-7)
    for step in ("valid", "test"):
        for name, value in report.bagged[step].items():
            assert value == pytest.approx(bagged.loc[step, name], abs=1e-7)


def test_bagged_scores_rank_with_intervals_and_evidence(tmp_path: Path) -> None:
    report = run(ramp_kit.write(tmp_path / "kit"))

    assert report.scoring is not None
    by_name = {(s.metric, s.split): s for s in report.scoring.scores}
    for (name, split), found in by_name.items():
        step = {Split.PUBLIC: "valid", Split.PRIVATE: "test"}[split]
        assert found.score == report.bagged[step][name]
        assert found.low <= found.score <= found.high
        assert "Error by" in found.warning
    assert report.bagged.keys() == {"valid", "test", "private"}
    assert [each.split for each in report.scoring.evidence] == [Split.PUBLIC, Split.PRIVATE]


def test_labels_of_rows_held_out_do_not_leave_the_problem_s_process(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit", classes=False)
    problem = loaded(directory)
    y = ramp_steps.unpack(problem.fold(0).y_train)["y"]
    fold = problem.fold(0)

    held_out = np.setdiff1d(np.arange(len(y)), fold.train_is)

    assert set(y[held_out]) == {y[fold.train_is[0]]}
    assert ramp_steps.unpack(fold.X_test).keys() == {"X"}


def test_a_sandbox_gets_the_problem_s_modules_and_none_of_its_data(tmp_path: Path) -> None:
    problem = loaded(ramp_kit.write(tmp_path / "kit"))

    (staged,) = problem.task(tmp_path).mounts

    assert sorted(p.name for p in staged.rglob("*")) == ["names.py", "problem.py", "ramp_steps.py"]


def test_the_first_score_type_ranks_and_each_has_its_direction(tmp_path: Path) -> None:
    problem = loaded(ramp_kit.write(tmp_path / "kit"))

    assert problem.metrics == ("acc", "nll")
    assert problem.directions == {"acc": True, "nll": False}
    assert problem.entries == ("estimator.py",)


def test_a_question_may_name_the_score_type_that_ranks(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit", question='metric = "problem.py:nll"\n')

    assert loaded(directory).metrics == ("nll", "acc")


WRONG = {
    "unknown score type": (
        'metric = "problem.py:nl"\n',
        "question 'q': metric: 'nl' is no score type of the problem. Did you mean 'nll'?",
    ),
    "direction": (
        'metric = "problem.py:nll"\ngreater_is_better = true\n',
        "question 'q': metric: greater_is_better is true, and 'nll' says the contrary. "
        "Take greater_is_better out: score types have it.",
    ),
}


@pytest.mark.parametrize(("question", "problem"), WRONG.values(), ids=WRONG)
def test_what_the_problem_contradicts_is_told(tmp_path: Path, question: str, problem: str) -> None:
    directory = ramp_kit.write(tmp_path / "kit", question=question)

    with pytest.raises(InvalidCompetition) as caught:
        loaded(directory)

    assert [str(p) for p in caught.value.problems] == [f"competition.toml: {problem}"]


def test_check_tells_of_a_problem_that_cannot_be_imported(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit")
    (directory / "problem.py").write_text("Predictions = 1\n")

    (problem,) = check_competition(directory, now=load_competition(directory).opens_at)

    assert problem.file == "problem.py"
    assert (
        "problem.py defines no workflow, score_types, get_cv, get_train_data, get_test_data" in problem.text
    )


SPOILT: dict[str, tuple[Any, str]] = {
    "not finite": (np.full(300, np.nan), "300 predictions of training rows are not finite numbers"),
    "too many columns": (np.zeros((300, 2)), "the predictions of training rows do not fit"),
}


@pytest.mark.parametrize(("valid", "problem"), SPOILT.values(), ids=SPOILT)
def test_predictions_that_do_not_fit_the_problem_are_the_participant_s_to_mend(
    tmp_path: Path, valid: Any, problem: str
) -> None:
    directory = ramp_kit.write(tmp_path / "kit", classes=False)
    handed_back = Run({"valid": valid, "test": np.zeros(142)}, {}, 0, None, "", "", "", {}, False)

    with pytest.raises(InvalidPredictions, match=problem):
        loaded(directory).read(handed_back)


TWO_PARTS = """
import numpy as np
import rampwf as rw

Predictions = rw.prediction_types.make_combined(
    [rw.prediction_types.make_multiclass(["a", "b"]), rw.prediction_types.make_regression(["size"])]
)
err, rmse = rw.score_types.ClassificationError(name="err"), rw.score_types.RMSE()
score_types = [
    rw.score_types.Combined(name="both", score_types=[err, rmse], weights=[0.5, 0.5], precision=3),
    rw.score_types.MakeCombined(score_type=err, index=0),
    rw.score_types.MakeCombined(score_type=rmse, index=1),
]
workflow = rw.workflows.Estimator()


def get_cv(X, y):
    return [(np.arange(100), np.arange(100, 200)), (np.arange(100, 200), np.arange(100))]


def get_train_data(path="."):
    y = np.empty((200, 2), dtype=object)
    y[:, 0], y[:, 1] = ["a", "b"] * 100, np.arange(200.0)
    return np.zeros((200, 1)), y


get_test_data = get_train_data
"""


def test_predictions_of_two_parts_are_bagged_and_scored_by_part(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit")
    (directory / "problem.py").write_text(TWO_PARTS)
    values = np.column_stack([np.tile([0.9, 0.1], (200, 1)), np.arange(200.0) + 2])
    problem = loaded(directory)

    bagged = problem.bagged([Predicted(values, values), Predicted(values, values + np.array([0, 0, 2]))])

    assert bagged.scores["valid"] == pytest.approx({"both": 1.25, "err": 0.5, "rmse": 2.0})
    assert bagged.scores["test"] == pytest.approx({"both": 1.75, "err": 0.5, "rmse": 3.0})
    assert bagged.scoring is not None
    assert all(found.low <= found.score <= found.high for found in bagged.scoring.scores)


def test_an_error_of_the_submission_is_told_with_its_own_lines(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit")
    file = directory / "submissions/starting_kit/estimator.py"
    file.write_text("def get_estimator():\n    raise ValueError('no trees today')\n")

    report = run(directory)

    assert report.verdict is Verdict.CRASHED
    assert "estimator.py" in report.traceback
    assert "no trees today" in report.traceback
    assert "problem.py" not in report.traceback
