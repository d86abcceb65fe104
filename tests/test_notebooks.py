"""Notebooks in the sandbox: each gets its verdict, learns nothing, leaves nothing, and comes back bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nbformat
import pandas as pd
import pytest
from planted import Planted, left_behind, planted
from written import NAMES, Expected, notebook, notebook_of

from kit.notebook_files import OUTPUTS_BYTES, read_notebook
from kit.runner.notebook import NotebookRun, run_notebook
from kit.runner.sandbox import MEGABYTE, Isolation, Level, RunLimits, detect_isolation
from kit.runner.settings import RunnerSettings

needs_jail = pytest.mark.skipif(
    detect_isolation().level is not Level.ISOLATED, reason=f"no jail here: {detect_isolation().missing}"
)
TRAIN = pd.DataFrame({"row_id": [1, 2, 3], "a": [0.5, 1.5, 2.5], "y": [1.0, 2.0, 3.0]})
TEST = pd.DataFrame({"row_id": [7, 8], "a": [31337.25, 27182.75]})
INPUTS = {"train.csv": TRAIN.to_csv(index=False).encode(), "test.csv": TEST.to_csv(index=False).encode()}
MAX_BYTES = 1_000_000


def settings(limits: dict[str, float] | None = None, **given: Any) -> RunnerSettings:
    small = {"cpu_s": 20.0, "wall_s": 120.0} | (limits or {})
    allowed = RunLimits(
        **small, memory_bytes=300 * MEGABYTE, n_pids=16, disk_bytes=20 * MEGABYTE, n_threads=1
    )
    return RunnerSettings(allowed, given.pop("isolation", detect_isolation()), **given)


def run(content: bytes, *, limits: dict[str, float] | None = None, **given: Any) -> NotebookRun:
    found = read_notebook(content, "model.ipynb")
    return run_notebook(found, INPUTS, settings(limits, **given), max_bytes=MAX_BYTES)


def texts_of(ran: NotebookRun) -> str:
    return "\n".join((ran.reason, ran.traceback, ran.output, (ran.executed or b"").decode()))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    with planted(tmp_path_factory.mktemp("host")) as found:
        yield found


@needs_jail
@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_gets_its_verdict_and_comes_back_as_a_notebook(name: str, secrets: Planted) -> None:
    expected = Expected.of(name)

    ran = run(notebook_of(name, secrets.targets, secrets.marked), limits=expected.limits)

    texts = texts_of(ran)
    executed = (ran.executed or b"").decode()
    assert (ran.verdict or "scored") == expected.verdict, texts
    assert (ran.predictions is None) == (expected.verdict != "scored")
    assert bool(ran.reason) == (ran.verdict is not None)
    for wanted, text in (
        (expected.reason, ran.reason),
        (expected.traceback, ran.traceback),
        (expected.shown, executed),
    ):
        assert [word for word in wanted if word not in text] == [], text
    assert [word for word in (*expected.never, secrets.secret) if word in texts] == []
    assert expected.n_done in (None, ran.n_done)
    assert len(ran.traceback) <= 20_000
    assert len(executed) <= 2 * OUTPUTS_BYTES
    if ran.executed is not None:
        nbformat.validate(json.loads(executed))
    assert not left_behind(secrets.mark)


@needs_jail
def test_paths_are_set_below_the_tagged_cell_and_numbers_are_those_of_a_fresh_run() -> None:
    ran = run(notebook_of("behaves-well", {}))

    cells = json.loads(ran.executed or b"")["cells"]
    assert [cell["metadata"].get("tags") for cell in cells[:3]] == [
        ["parameters"],
        ["injected-parameters"],
        None,
    ]
    assert [cell["execution_count"] for cell in cells] == [1, None, 2, 3]
    assert cells[1]["source"].startswith('# Parameters\ntrain = "/tmp/submission/inputs/train.csv"')
    assert ran.predictions == b"row_id,y\n7,2.0\n8,2.0\n"
    assert b"of an earlier run" not in (ran.executed or b"")


HIDDEN = {
    "its text": ("{raise ValueError(rows)}", "ValueError was raised in cell 2 of 2, line 1"),
    "its name": (
        "{raise type('T' + rows[:5], (Exception,), {})()}",
        "An exception was raised in cell 2 of 2",
    ),
    "its output": ("{print(rows)}", "wrote no file"),
}


@needs_jail
@pytest.mark.parametrize(("source", "reason"), HIDDEN.values(), ids=HIDDEN)
def test_where_test_inputs_are_hidden_only_the_place_of_a_failure_is_told(source: str, reason: str) -> None:
    first = "# %%\nrows = open(test).read().split(',')[-1]\nprint(rows)\nrows\n"

    ran = run(notebook(f"{first}# %%\n{source.strip('{}')}\n"), hide_inputs=True)

    cells = json.loads(ran.executed or b"")["cells"]
    assert reason in ran.reason
    assert "27182" not in texts_of(ran)
    assert (ran.traceback, ran.output, ran.withheld) == ("", "", True)
    assert [cell["outputs"] for cell in cells] == [[], [], []]


@needs_jail
def test_a_notebook_whose_inside_lies_comes_back_with_the_cells_that_were_sent() -> None:
    # What the harness inside would say of its cells, had it been taken over.
    told = {
        "cell-0001": {"outputs": [{"output_type": "stream", "name": "stdout", "text": "kept"}], "source": "y"}
    }
    told["cell-0009"] = {"outputs": [{"output_type": "stream", "name": "stdout", "text": "smuggled"}]}
    sent = read_notebook(notebook("# %%\nx = 1\n"), "model.ipynb")

    executed = json.loads(sent.executed(told, n_run=1, parameters={"test": "t"}))

    assert [cell["source"] for cell in executed["cells"]] == ['# Parameters\ntest = "t"\n', "x = 1"]
    assert "kept" in str(executed) and "smuggled" not in str(executed)


def test_without_isolation_a_notebook_runs_too() -> None:
    ran = run(notebook_of("behaves-well", {}), isolation=Isolation(Level.NONE))

    assert ran.verdict is None, texts_of(ran)
    assert ran.predictions == b"row_id,y\n7,2.0\n8,2.0\n"
    assert "/tmp/" not in (ran.executed or b"").decode().partition("'a'")[0]
