"""Code as a participant sends it: what is refused before it is sent, what is sent, how a cell asks for it."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from widget_facts import CODE, fold, run_facts

from kit.client.code import Code
from kit.client.folds import frame, progress_text, summary
from kit.client.outgoing import outgoing, source_of
from kit.client.sources import read_source
from kit.client.submission import Submission
from kit.client.submitting import parsed
from kit.errors import InvalidPredictions, InvalidRequest

GOOD = "def get_estimator():\n    return None\n"
QUESTION: dict[str, Any] = {
    "id": "sex", "kinds": ["predictions", "code", "notebook"], "code": CODE, "max_bytes": 100_000,
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def notebook(*sources: str, **facts: object) -> str:
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells} | facts)


# What is sent


def test_a_notebook_that_uses_its_paths_is_sent_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "model.ipynb"
    file.write_text(notebook("predict(train, test).to_csv(output)"))

    with outgoing(file, never, never, question=QUESTION) as sent:
        assert (sent.name, sent.read_bytes()) == ("model.ipynb", file.read_bytes())


def test_a_file_is_sent_byte_by_byte(tmp_path: Path) -> None:
    file = tmp_path / "forest.py"
    file.write_bytes(b"# \xc3\xa9\r\n" + GOOD.encode())

    with outgoing(file, never, never, question=QUESTION) as sent:
        assert (sent.name, sent.read_bytes()) == ("forest.py", file.read_bytes())


def test_a_folder_is_sent_as_a_zip_without_what_is_hidden_or_compiled(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "mine",
        {
            "estimator.py": GOOD,
            "parts/trees.py": "a = 1\n",
            "parts/words": "b\n",
            "parts/__pycache__/trees.cpython-311.pyc": "x",
            ".git/config": "x",
            ".hidden.py": "x =",
            "__pycache__/estimator.py": "x",
            "old.pyc": "x",
        },
    )

    with outgoing(folder, never, never, question=QUESTION) as sent, zipfile.ZipFile(sent) as archive:
        assert sent.name == "mine.zip"
        names = archive.namelist()

    assert names == ["estimator.py", "parts/trees.py", "parts/words"]


def test_equal_folders_make_equal_zips(tmp_path: Path) -> None:
    one = write(tmp_path / "one" / "f", {"estimator.py": GOOD, "b.py": "b = 1\n", "a.py": "a = 1\n"})
    two = write(tmp_path / "two" / "f", {"a.py": "a = 1\n", "b.py": "b = 1\n", "estimator.py": GOOD})
    os.utime(two / "a.py", (1, 1))
    (two / "b.py").chmod(0o755)

    assert read_source(one, CODE).content == read_source(two, CODE).content


def test_what_is_run_dry_is_what_is_sent(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", {"estimator.py": GOOD, "parts/trees.py": "a = 1\n"})
    file = write(tmp_path, {"forest.py": GOOD}) / "forest.py"
    for source, names in (
        (read_source(folder, CODE), ["estimator.py", "parts/trees.py"]),
        (read_source(file, CODE), ["estimator.py"]),
    ):
        target = tmp_path / source.filename.replace(".", "-")
        target.mkdir()
        source.write(target, entry="estimator")

        found = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.py"))
        assert found == names


# What is refused

REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    "syntax": ({"a.py": f"{GOOD}def f(:\n    pass\n"}, "a.py", r"a.py, line 3: .*\n    def f\(:$"),
    "indentation": ({"a.py": "x = 1\n  y = 2\n"}, "a.py", "a.py, line 2: unexpected indent\n    y = 2"),
    "a magic": ({"a.py": "import os\n%matplotlib inline\n"}, "a.py", "line 2: this is IPython's, not Python"),
    "a shell line": ({"a.py": "!pip install x\n"}, "a.py", "line 1: this is IPython's, not Python's"),
    "a null": ({"a.py": "x\0\n"}, "a.py", "a.py.*null bytes"),
    "no get_estimator": ({"a.py": "def get_estimators(): ...\n"}, "a.py", "a.py defines no get_estimator"),
    "empty": ({"a.py": ""}, "a.py", "a.py defines no get_estimator"),
    "folder without entry": ({"f/b.py": GOOD}, "f", r"'f' needs 'estimator.py', .* It has 'b.py'\."),
    "empty folder": ({"f/readme": ""}, "f", r"It has no .py file\."),
    "folder with a bad module": ({"f/estimator.py": GOOD, "f/b.py": "x =\n"}, "f", "b.py, line 1: "),
    "no notebook": ({"a.ipynb": "x"}, "a.ipynb", "'a.ipynb' is no notebook: it is not JSON with cells"),
    "no cells": ({"a.ipynb": notebook()}, "a.ipynb", "'a.ipynb' has no cell of code"),
    "old": ({"a.ipynb": notebook(nbformat=3)}, "a.ipynb", "format 3, and 4 is wanted. Save it anew in Jup"),
    "in R": ({"a.ipynb": notebook(metadata={"kernelspec": {"language": "R"}})}, "a.ipynb", "written in 'R'"),
    "reads nothing": ({"a.ipynb": notebook("x = 1\n")}, "a.ipynb", "not use `test` nor `output`. A note"),
    "writes nothing": ({"a.ipynb": notebook("read(test)")}, "a.ipynb", "does not use `output`. A note"),
    "nothing there": ({}, "b.py", "There is no file .*b.py"),
    "too large": ({"a.py": GOOD + "#" * 100_000}, "a.py", r"a.py has 0.1 MB; the limit is 0.1 MB"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "name", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_run_is_refused_with_the_line(
    tmp_path: Path, files: dict[str, str], name: str, text: str
) -> None:
    write(tmp_path, files)

    with pytest.raises(InvalidRequest, match=text):
        source_of(tmp_path / name, QUESTION)


@pytest.mark.parametrize(
    ("name", "kinds", "text"),
    [
        ("a.py", ["predictions"], "a.py is code; this question takes predictions: a CSV or Parquet file."),
        ("a.ipynb", ["code"], "a.ipynb is a notebook; this question takes code: a .py file or a folder"),
        (
            "a.csv",
            ["code", "notebook"],
            "a.csv holds predictions; this question takes code: .* or notebook: ",
        ),
        ("f", ["predictions"], "'.*f' is a folder: name a file in it."),
    ],
)
def test_what_a_question_does_not_take_is_refused(
    tmp_path: Path, name: str, kinds: list[str], text: str
) -> None:
    (tmp_path / "f").mkdir()
    for each in ("a.py", "a.ipynb", "a.csv"):
        (tmp_path / each).touch()

    with pytest.raises(InvalidRequest, match=text):
        source_of(tmp_path / name, {**QUESTION, "kinds": kinds})


def test_a_frame_is_refused_where_only_code_is_taken() -> None:
    with (
        pytest.raises(InvalidRequest, match="'sex' takes no predictions: submit code"),
        outgoing([1.0], never, never, question={**QUESTION, "kinds": ["code"]}),
    ):
        pass


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", {"estimator.py": GOOD})
    (folder / "data").symlink_to("/etc")

    with pytest.raises(InvalidRequest, match="'data' in 'f' is a link: put the file itself there"):
        read_source(folder, CODE)


def test_a_folder_of_very_many_files_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", {"estimator.py": GOOD})
    for number in range(201):
        (folder / f"{number}.txt").touch()

    with pytest.raises(InvalidRequest, match="has more than 200 files: send the modules alone"):
        read_source(folder, CODE)


@pytest.mark.parametrize(
    "text",
    [
        "from mine import get_estimator\n",
        "from mine import forest as get_estimator\n",
        "from mine import *\n",
        "get_estimator = lambda: 1\n",
        "if True:\n    def get_estimator(): ...\n",
        "# -*- coding: latin-1 -*-\ndef get_estimator(): ...\n",
    ],
)
def test_an_estimator_may_be_defined_in_many_ways(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(text)

    assert read_source(file, CODE).files == ("a.py",)


def test_a_problem_of_the_organizers_says_itself_what_it_wants(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", {"classifier.py": "class Classifier: ...\n"})

    assert read_source(folder, {**CODE, "entries": ["classifier.py"], "splitter": None}).files == (
        "classifier.py",
    )


# The cell

LINES: dict[str, tuple[str, tuple[str, str | None, str | None, bool, bool]]] = {
    "nothing": ("", ("", None, None, False, False)),
    "a note": ('--note "forest, depth 5"', ("forest, depth 5", None, None, False, False)),
    "all": ("--note=x -q sex --competition comp --dry-run --again", ("x", "sex", "comp", True, True)),
}


@pytest.mark.parametrize(("line", "asked"), LINES.values(), ids=LINES)
def test_the_line_says_note_question_and_competition(line: str, asked: Any) -> None:
    found = parsed(line)

    assert (found.note, found.question, found.competition, found.dry_run, found.again) == asked


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('--note "forest', "cannot be read: No closing quotation. Write: %%submit"),
        ("--note forest depth", "What is 'depth'\\? A note of several words stands in quotes. Write: "),
        ("--dryrun", "There is no option --dryrun. Did you mean --dry-run\\? Write: "),
        ("--xyz", "There is no option --xyz. Write: "),
        ("--note", "Argument --note/-m: expected one argument. Write: "),
    ],
)
def test_a_wrong_line_is_told_with_the_right_one(line: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        parsed(line)


# What is told of a submission


def test_folds_are_a_table() -> None:
    handle = Submission(SimpleNamespace(), run_facts("RUNNING", fold(0), fold(1, "running")))  # type: ignore[arg-type]

    found = handle.runs()

    assert found.loc[0, ["fold", "state", "train", "valid", "test"]].to_list() == [0, "done", 0.1, 0.3, 0.4]
    assert found.loc[0, ["valid_auc", "fit_s", "peak_bytes"]].to_list() == [0.7, 1.25, 212_000_000]
    assert found["state"].to_list() == ["done", "running"]
    assert handle.line() == "Submission 7 for 'sex': RUNNING, fold 2 of 3"
    assert (handle.kind, len(handle.folds)) == ("code", 2)


def test_predictions_have_no_folds() -> None:
    handle = Submission(SimpleNamespace(), run_facts("SCORED") | {"kind": "predictions", "code": None})  # type: ignore[arg-type]

    assert (handle.code, handle.folds, handle.traceback) == ({}, [], "")
    assert handle.runs().empty


def test_scores_that_may_not_be_seen_leave_times_in_the_table() -> None:
    hidden = {**fold(0), "train": None, "valid": None, "test": None}

    found = frame({"folds": [hidden]}, "log_loss")

    assert found["valid"].isna().all()
    assert found["fit_s"].to_list() == [1.25]


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ([], "fold 1 of 3"),
        (["done", "running"], "fold 2 of 3"),
        (["running", "running"], "folds 1 to 2 of 3"),
        (["done", "done", "done"], "fold 3 of 3"),
    ],
)
def test_progress_says_which_fold_runs(states: list[str], text: str) -> None:
    facts = run_facts("RUNNING", *(fold(at, state) for at, state in enumerate(states)))

    assert progress_text(facts["code"]) == text


def test_mean_spread_and_bagged_scores_are_told_together() -> None:
    told = dict(summary(run_facts("SCORED", fold(0))["code"], "log_loss"))

    assert told["mean ± std"] == {"train": "0.1 ± 0.012", "valid": "0.3 ± 0.012", "test": "0.4 ± 0.012"}
    assert told["bagged"] == {"valid": "0.28", "test": "0.25"}


def test_the_files_of_a_submission_are_text_by_name() -> None:
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": ["x = 1\n", "y"]}]})
    found = Code({"id": 7, "team": "ada"}, {"estimator.py": GOOD, "n.ipynb": notebook})

    assert repr(found).startswith("# Submission 7 by ada: estimator.py\ndef get_estimator():")
    assert found.shown("n.ipynb") == "# %%\nx = 1\ny\n"
    assert found.file(None, entry="estimator.py") == "estimator.py"
    with pytest.raises(
        InvalidRequest, match=r"no file 'x.py'\. Say which file: .* 'estimator.py', 'n.ipynb'"
    ):
        found.file("x.py")


def never() -> Any:
    raise AssertionError("asked for")


def test_a_file_of_predictions_that_is_too_large_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(b"x" * 100_001)

    with (
        pytest.raises(InvalidPredictions, match=r"the limit is 0\.1 MB"),
        outgoing(file, lambda: SimpleNamespace(question="sex"), never, question=QUESTION),  # type: ignore[arg-type, return-value]
    ):
        pass


def test_a_zip_is_taken_as_it_is(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("estimator.py", GOOD)
    file = tmp_path / "mine.zip"
    file.write_bytes(made.getvalue())

    source = source_of(file, QUESTION)

    assert source is not None
    assert (source.kind, source.content) == ("code", made.getvalue())


def test_a_zip_that_the_service_would_refuse_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../estimator.py", GOOD)

    with pytest.raises(InvalidRequest, match=r"holds '\.\./estimator\.py', which leads outside"):
        source_of(file, QUESTION)
