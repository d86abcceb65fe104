"""The table [question.code]: what it takes, what it refuses and in which words, what makes a version."""

from __future__ import annotations

from pathlib import Path

import four
import pytest

from kit._splitter import splitters
from kit.competition import load_competition, question_version, read_competition, version_files
from kit.errors import InvalidCompetition
from kit.truth import read_truth

TABLES = 'train = "data/train.csv"\ntest = "data/test.csv"\n'
PROBLEM = 'title = "R"\nslug = "r"\nopens_at = 2026-03-01T09:00:00Z\ncloses_at = 2026-03-08T18:00:00Z\n'

VERSION_WITHOUT_CODE = "301193a6a2a7bf46595d9cc2fa131b7b70952767e2b9d6e5da8995d7974c434d"


def with_code(directory: Path, lines: str) -> Path:
    return four.write(directory, question=f"[question.code]\n{lines}")


def problems_of(directory: Path) -> list[str]:
    return [str(problem) for problem in read_competition(directory)[1]]


def version_of(directory: Path) -> str:
    competition = load_competition(directory)
    return question_version(competition, competition.question[0])


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    code = load_competition(with_code(tmp_path, TABLES)).question[0].code

    assert code is not None
    assert (code.submission, code.cpu_s, code.wall_s, code.memory_mb) == ("estimator", 300, 600, 2048)
    assert code.kinds == ("predictions", "code")
    assert code.isolation == "isolated"
    assert code.repeat


WRONG = {
    "unknown key": (
        TABLES + "wal_s = 3",
        "question 'counts': code.wal_s: is no key of the kit. Did you mean 'wall_s'?",
    ),
    "no tables": (
        "",
        "question 'counts': code: does not say what code is trained on. "
        "Add train = … and test = …, or problem = …",
    ),
    "no test": (
        'train = "data/train.csv"',
        "question 'counts': code: does not say what code is trained on. Add test = …, or problem = …",
    ),
    "tables and problem": (
        TABLES + 'problem = "problem.py"',
        "question 'counts': code: problem and train are both given. Take one of the two out.",
    ),
    "file that is not there": (
        'train = "data/train.csv"\ntest = "data/tset.csv"',
        "question 'counts': code.test: the file 'data/tset.csv' is not there. Add it, or mend the path.",
    ),
    "truth as test": (
        'train = "data/train.csv"\ntest = "private/truth.csv"',
        "question 'counts': code.test: 'private/truth.csv' is the truth, and code gets it. "
        "Name a table without the target.",
    ),
    "submission with its ending": (
        TABLES + 'submission = "estimator.py"',
        "question 'counts': code.submission: 'estimator.py' cannot be imported. "
        "Name a module, without .py, as in 'estimator'.",
    ),
    "unknown splitter": (
        TABLES + 'splitter = { name = "TimeSeriesSplitt" }',
        "question 'counts': code.splitter: 'TimeSeriesSplitt' is no splitter of scikit-learn. "
        "Did you mean 'TimeSeriesSplit'?",
    ),
    "unknown option": (
        TABLES + 'splitter = { name = "KFold", nsplits = 3 }',
        "question 'counts': code.splitter: 'nsplits' is no option of KFold. Did you mean 'n_splits'?",
    ),
    "groups that are needed": (
        TABLES + 'splitter = { name = "GroupKFold" }',
        "question 'counts': code.splitter: GroupKFold splits by group. "
        'Add groups = "…", a column of train.',
    ),
    "options that scikit-learn refuses": (
        TABLES + 'splitter = { name = "KFold", n_splits = 1 }',
        "question 'counts': code.splitter: KFold refuses these options: k-fold cross-validation requires "
        "at least one train/test split by setting n_splits=2 or more, got n_splits=1. Mend the splitter.",
    ),
    "no memory": (
        TABLES + "memory_mb = 1",
        "question 'counts': code.memory_mb: is 1. It should be greater than or equal to 64.",
    ),
}


@pytest.mark.parametrize(("lines", "problem"), WRONG.values(), ids=WRONG)
def test_each_mistake_is_told_with_its_key_and_the_way_out(tmp_path: Path, lines: str, problem: str) -> None:
    assert problems_of(with_code(tmp_path, lines)) == [f"competition.toml: {problem}"]


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    with_code(tmp_path, TABLES + 'cpu_s = 0\nwal_s = 1\nkinds = ["poem"]')

    keys = [problem.key for problem in read_competition(tmp_path)[1]]

    assert keys == [f"question 'counts': code.{key}" for key in ("cpu_s", "kinds.0", "wal_s")]


def test_code_is_a_table(tmp_path: Path) -> None:
    four.write(tmp_path, question="code = 3")

    assert problems_of(tmp_path) == [
        "competition.toml: question 'counts': code: 3 is no table. Write [question.code] above its keys."
    ]


def test_every_splitter_of_scikit_learn_has_a_name() -> None:
    assert {"KFold", "StratifiedGroupKFold", "TimeSeriesSplit", "PredefinedSplit"} <= set(splitters())


def test_a_question_without_code_keeps_its_version(tmp_path: Path) -> None:
    # Recorded before there was a table [question.code]: judgements made then must not become stale.
    assert version_of(four.write(tmp_path)) == VERSION_WITHOUT_CODE


def test_settings_and_files_of_code_make_the_version(tmp_path: Path) -> None:
    versions = [version_of(with_code(tmp_path, TABLES))]
    versions.append(version_of(with_code(tmp_path, TABLES + "seed = 1")))
    (tmp_path / "data/train.csv").write_text(four.TRAIN + "14,4.5,45\n")
    versions.append(version_of(tmp_path))

    assert len(set(versions)) == 3


def test_a_default_that_is_written_out_makes_no_new_version(tmp_path: Path) -> None:
    before = version_of(with_code(tmp_path, TABLES))

    assert version_of(with_code(tmp_path, TABLES + "seed = 0")) == before


def test_a_problem_needs_no_truth_and_its_modules_and_data_are_in_the_version(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.csv").write_text("1")
    for name in ("private/y.csv", "external_imports/more.py", "external_imports/__pycache__/more.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "helpers.py").write_text("")
    (tmp_path / "problem.py").write_text("import helpers")
    question = '[[question]]\nid = "q"\n[question.code]\nproblem = "problem.py"\n'
    (tmp_path / "competition.toml").write_text(PROBLEM + question)

    competition = load_competition(tmp_path)

    assert version_files(competition, competition.question[0]) == [
        "data/x.csv", "external_imports/more.py", "helpers.py", "private/y.csv", "problem.py"
    ]  # fmt: skip
    assert competition.question[0].kinds == ("code",)
    with pytest.raises(InvalidCompetition, match="truth: is left out"):
        read_truth(competition, competition.question[0])


def test_a_problem_takes_nothing_but_code(tmp_path: Path) -> None:
    (tmp_path / "problem.py").write_text("")
    question = (
        '[[question]]\nid = "q"\n[question.code]\nproblem = "problem.py"\nkinds = ["code", "notebook"]\n'
    )
    (tmp_path / "competition.toml").write_text(PROBLEM + question)

    with pytest.raises(InvalidCompetition, match=r"kinds has 'notebook', and a problem.py judges code alone"):
        load_competition(tmp_path)


def test_test_inputs_are_hidden_where_participants_do_not_get_them(tmp_path: Path) -> None:
    code = load_competition(with_code(tmp_path, TABLES)).question[0].code

    assert code is not None
    assert not code.hides_inputs(("data/train.csv", "data/test.csv"))
    assert code.hides_inputs(("data/train.csv",))
