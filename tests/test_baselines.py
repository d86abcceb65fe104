"""Reference notebooks run apart from the truth, and each failure says where and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import four
import nbformat
import psutil
import pytest
from small_notebooks import write_notebook
from waiting import until

from kit.baselines import Baseline, find_notebooks, run_notebook
from kit.competition import Competition, load_competition
from kit.errors import OrganizerError
from kit.predictions import read_predictions
from kit.truth import read_truth

WRITE = "open(output_path, 'w').write('id,count\\n1,10\\n2,20\\n3,30\\n4,40\\n')"
Run = Callable[..., Baseline]


@pytest.fixture
def competition(tmp_path: Path) -> Competition:
    line = 'baselines = ["notebooks/baselines/*.ipynb"]'
    return load_competition(four.write(tmp_path / "four", question=line))


@pytest.fixture
def run(competition: Competition, tmp_path: Path) -> Run:
    def run(*cells: str, **options: object) -> Baseline:
        notebook = write_notebook(competition.directory / "notebooks/baselines/tried.ipynb", *cells)
        question = competition.question[0]
        expected = read_truth(competition, question).expected
        (tmp_path / "run").mkdir()
        return run_notebook(
            notebook,
            competition,
            question,
            tmp_path / "run",
            check=lambda file: read_predictions(file, expected),
            **options,  # type: ignore[arg-type]
        )

    return run


def test_a_notebook_runs_on_the_participants_files_and_nothing_else(run: Run) -> None:
    told: list[tuple[object, ...]] = []

    baseline = run(
        "import os; print(sorted(os.listdir(data_dir)), sorted(os.listdir()))",
        WRITE,
        on_cell=lambda *news: told.append(news),
    )

    assert (baseline.state, baseline.name, baseline.question) == ("ok", "tried", "counts"), baseline.error
    assert baseline.predictions is not None and baseline.predictions.read_text() == four.PERFECT
    assert baseline.seconds > 0
    assert baseline.notebook is not None
    text = baseline.notebook.read_text()
    assert "['test.csv', 'train.csv'] ['data', 'tried.ipynb']" in text
    assert told[-1] == ("counts", "tried", 4, 4)


def test_an_executed_notebook_tells_no_path_of_the_machine(run: Run, tmp_path: Path) -> None:
    baseline = run("import os; print(os.getcwd())", "os.listdir(os.getcwd() + '/nothing')")

    assert baseline.notebook is not None
    assert str(tmp_path) not in baseline.notebook.read_text()


def test_a_failing_notebook_says_which_cell_which_line_and_why(run: Run) -> None:
    baseline = run("a = 1", "b = 2\nc = a / (b - 2)  # oops\nd = 3", "never = 1")

    assert baseline.state == "failed"
    assert baseline.error == "c = a / (b - 2) # oops → ZeroDivisionError: division by zero"
    assert baseline.predictions is None and baseline.notebook is not None
    executed = nbformat.read(baseline.notebook, as_version=4)
    failing = next(c for c in executed.cells if c.cell_type == "code" and "oops" in c.source)
    assert baseline.cell == failing.execution_count


def test_a_cell_that_is_no_python_says_so(run: Run) -> None:
    baseline = run("x = = 1")

    assert baseline.error is not None and "x = = 1" in baseline.error and "SyntaxError" in baseline.error


@pytest.mark.parametrize(
    "path", ["../private/truth.csv", "private/truth.csv", "data/../../private/truth.csv"], ids=str
)
def test_the_truth_is_not_reachable_by_a_relative_path(run: Run, path: str) -> None:
    baseline = run(f"open({path!r}).read()", WRITE)

    assert baseline.state == "failed"
    assert baseline.error is not None and "FileNotFoundError" in baseline.error


def test_a_notebook_that_writes_nothing_has_failed(run: Run) -> None:
    baseline = run("a = 1")

    assert (baseline.state, baseline.cell) == ("failed", None)
    assert baseline.error == "The notebook ran, and wrote nothing to output_path."


def test_predictions_that_do_not_fit_are_a_failure_with_every_reason(run: Run) -> None:
    baseline = run("open(output_path, 'w').write('id,count\\n1,10\\n2,n/a\\n3,30\\n')")

    assert baseline.state == "failed" and baseline.predictions is None
    assert baseline.error is not None and "n/a" in baseline.error and "missing" in baseline.error


def test_a_notebook_that_takes_too_long_is_ended_with_its_kernel(run: Run, tmp_path: Path) -> None:
    baseline = run("import time", "time.sleep(600)", timeout_s=2)

    assert baseline.error == "The notebook took more than 2 s."
    until(lambda: not _processes_in(tmp_path))


def test_the_cell_in_which_the_time_was_over_is_told(run: Run, tmp_path: Path) -> None:
    over = "os.kill(os.getppid(), signal.SIGALRM)"

    baseline = run("import os, signal, time", f"{over}; time.sleep(600)", timeout_s=600)

    assert baseline.error == "The notebook took more than 600 s."
    assert baseline.cell == 4
    until(lambda: not _processes_in(tmp_path))


def test_a_kernel_that_dies_is_a_failure(run: Run) -> None:
    baseline = run("import os; os._exit(1)")

    assert baseline.error == "The kernel died; most often that is memory."


def test_a_notebook_sees_no_login(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_TOKEN", "kit_secret")

    baseline = run("import os; assert 'KIT_TOKEN' not in os.environ", WRITE)

    assert baseline.state == "ok", baseline.error


def test_two_notebooks_of_one_name_are_refused(tmp_path: Path) -> None:
    patterns = 'baselines = ["one/*.ipynb", "two/*.ipynb"]'
    competition = load_competition(four.write(tmp_path / "four", question=patterns))
    for folder in ("one", "two"):
        write_notebook(tmp_path / "four" / folder / "mean.ipynb", WRITE)

    with pytest.raises(OrganizerError, match="'mean'"):
        find_notebooks(competition, competition.question[0])


def test_the_notebook_itself_stays_as_it_was(run: Run, competition: Competition) -> None:
    run(WRITE)

    notebook = json.loads((competition.directory / "notebooks/baselines/tried.ipynb").read_text())
    assert all(not cell.get("outputs") for cell in notebook["cells"])


def _processes_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
