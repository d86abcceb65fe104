"""Submissions of code run on all folds in real sandboxes: reports, failures, cancelling, and kit test."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import coded
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kit.check import check_competition
from kit.cli import main
from kit.predictions import read_predictions
from kit.runner.folds import CodeReport, FoldReport, run_folds
from kit.runner.report import mean_and_std
from kit.runner.sandbox import Level
from kit.runner.settings import runner_settings
from kit.scoring import score
from kit.submission import Verdict

LOGISTIC = coded.ESTIMATOR.format(name="LogisticRegression")
FAILS = "def get_estimator():\n    return [][1]\n"
DRAWS = """\
import os
from sklearn.dummy import DummyClassifier


def get_estimator():
    return DummyClassifier(strategy="stratified", random_state=int.from_bytes(os.urandom(3), "big"))
"""
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SLEEPS = "import time\n\n\ndef get_estimator():\n    time.sleep(60)\n"


@pytest.fixture
def cancer(tmp_path: Path) -> Path:
    code = 'splitter = { n_splits = 2 }\nisolation = "none"\nrepeat = false\n'
    return coded.write(tmp_path / "c", coded.cancer(), metric="roc_auc", more='["log_loss"]', code=code)


def run(directory: Path, source: str, *, stop: threading.Event | None = None, **told: Any) -> CodeReport:
    competition, question, _, problem = coded.load(directory)
    code = directory.parent / "code"
    code.mkdir()
    (code / "estimator.py").write_text(source)
    return run_folds(problem, code, runner_settings(competition, question), stop=stop, **told)


def test_a_report_has_scores_times_and_memory_of_each_fold(cancer: Path) -> None:
    told: list[FoldReport] = []

    report = run(cancer, LOGISTIC, on_fold=told.append)

    assert report.verdict is None
    assert [fold.state for fold in report.folds] == ["done"] * 2
    assert all(fold.fit_s > 0 and fold.valid_s > 0 and fold.test_s > 0 for fold in report.folds)
    assert all(fold.peak_bytes > 10_000_000 for fold in report.folds)
    assert set(report.mean) == {"train", "valid", "test", "public", "private"}
    assert sorted((fold.fold, fold.state) for fold in told) == [
        (k, state) for k in range(2) for state in ("done", "running")
    ]
    assert "scikit-learn" in report.packages


def test_its_scores_are_those_of_scikit_learn_and_of_the_bagged_file(cancer: Path) -> None:
    competition, question, truth, _ = coded.load(cancer)
    train = pd.read_csv(cancer / "data/train.csv")
    X, y = train.drop(columns=["row_id", "y"]), train["y"]

    report = run(cancer, LOGISTIC)

    for fold, (a, b) in zip(
        report.folds, StratifiedKFold(2, shuffle=True, random_state=0).split(X, y), strict=True
    ):
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X.iloc[a], y.iloc[a])
        oracle = roc_auc_score(y.iloc[b], model.predict_proba(X.iloc[b])[:, 1])
        assert fold.scores["valid"]["roc_auc"] == pytest.approx(oracle, abs=1e-9)
    predictions = read_predictions(report.test_predictions, truth.expected)
    for each in score(predictions, truth, question, directory=competition.directory):
        assert report.bagged[each.split.value][each.metric] == pytest.approx(each.score, abs=1e-12)


def test_a_failing_submission_ends_with_its_verdict_and_own_traceback(cancer: Path) -> None:
    report = run(cancer, FAILS)

    assert report.verdict is Verdict.CRASHED
    assert "IndexError" in report.reason
    assert "line 2, in get_estimator" in report.traceback
    assert report.test_predictions is None
    assert report.mean == {}


@pytest.mark.parametrize(("source", "told"), [(LOGISTIC, True), (DRAWS, False)], ids=["same", "drawn"])
def test_the_first_fold_run_again_tells_whether_scores_can_be_reproduced(
    cancer: Path, source: str, told: bool
) -> None:
    toml = cancer / "competition.toml"
    toml.write_text(toml.read_text().replace("repeat = false", "repeat = true"))

    assert run(cancer, source).reproducible is told


def test_cancelling_ends_all_folds(cancer: Path) -> None:
    stop = threading.Event()

    report = run(cancer, SLEEPS, stop=stop, on_fold=lambda fold: stop.set())

    assert report.verdict is Verdict.CANCELLED
    assert not any(fold.state == "done" for fold in report.folds)


def test_a_report_comes_back_from_json_as_it_was(cancer: Path) -> None:
    report = run(cancer, LOGISTIC)

    again = CodeReport.from_json(report.to_json())

    assert again.folds == report.folds
    assert (again.mean, again.std, again.bagged) == (report.mean, report.std, report.bagged)
    assert (again.features, again.packages) == (report.features, report.packages)
    assert again.test_predictions is None


def test_the_mean_leaves_out_folds_where_a_metric_is_undefined() -> None:
    scores = [{"valid": {"auc": value}} for value in (1.0, float("nan"), 3.0)]

    mean, std = mean_and_std(scores)

    assert (mean["valid"]["auc"], std["valid"]["auc"]) == (2.0, 1.0)


@pytest.fixture
def kit(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> tuple[int, str, str]:
        code: Any = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_kit_test_runs_a_file_and_prints_its_report(cancer: Path, kit: Any) -> None:
    file = cancer.parent / "forest.py"
    file.write_text(LOGISTIC)

    code, out, err = kit("test", cancer, "--submission", file, "--json")

    report = json.loads(out)
    assert code == 0, err
    assert [fold["fold"] for fold in report["folds"]] == [0, 1]
    assert report["folds"][0]["valid"].keys() == {"roc_auc", "log_loss"}
    assert report["bagged"]["valid"]["roc_auc"] > 0.9
    assert report["isolation"] in {level.value for level in Level}
    assert "forest: 2 of 2 folds" in err


def test_kit_test_runs_all_submissions_and_fails_where_one_does(cancer: Path, kit: Any) -> None:
    (cancer / "submissions/linear").mkdir(parents=True)
    (cancer / "submissions/linear/estimator.py").write_text(LOGISTIC)
    (cancer / "submissions/broken.py").write_text(FAILS)

    code, out, err = kit("test", cancer)

    assert code == 1
    assert "code: q, broken" in out
    assert 'File "estimator.py", line 2, in get_estimator' in out
    assert "code: q, linear" in out
    assert "bagged" in out
    assert "crashed: IndexError" in err


def test_kit_test_names_what_there_is(cancer: Path, kit: Any) -> None:
    (cancer / "submissions").mkdir()
    (cancer / "submissions/linear.py").write_text(LOGISTIC)

    code, _, err = kit("test", cancer, "--submission", "liner")

    assert code == 1
    assert (
        "There is no submission 'liner': neither a path, nor in submissions/, where there are linear." in err
    )


def test_a_folder_without_the_file_is_refused_before_anything_runs(cancer: Path, kit: Any) -> None:
    (cancer / "submissions/odd").mkdir(parents=True)
    (cancer / "submissions/odd/model.py").write_text(LOGISTIC)

    code, _, err = kit("test", cancer, "--submission", "odd")

    assert code == 1
    assert "lacks estimator.py; there is model.py." in err


def test_check_runs_a_constant_submission(cancer: Path) -> None:
    truth = coded.load(cancer)[2]

    problems = [p for p in check_competition(cancer, now=NOW) if "code" in p.key]

    assert truth.expected.classes == ("0", "1")
    assert problems == []


def test_check_tells_what_keeps_code_from_running(cancer: Path) -> None:
    toml = cancer / "competition.toml"
    toml.write_text(toml.read_text() + "wall_s = 0.001\n")

    problems = [str(p) for p in check_competition(cancer, now=NOW) if "code" in p.key]

    assert len(problems) == 1
    assert "question 'q': code: a constant submission does not run" in problems[0]
