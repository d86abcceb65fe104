"""The commands init, check and score, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import four
import pandas as pd
import pytest

from kit import __version__
from kit.cli import main


@pytest.fixture
def kit(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str, str]:
        code: Any = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_version_is_told(kit: Any) -> None:
    assert kit("--version") == (0, f"kit {__version__}\n", "")


def test_a_new_competition_passes_its_check_and_scores_its_sample(tmp_path: Path, kit: Any) -> None:
    code, out, _ = kit("init", tmp_path / "mine", "--title", "Mine")
    assert code == 0
    assert "kit serve" in out

    code, out, _ = kit("check", tmp_path / "mine")
    assert (code, out) == (0, "ready to open\n")

    code, out, _ = kit("score", tmp_path / "mine", tmp_path / "mine/data/sample_submission.csv")
    assert code == 0
    assert "rmse" in out


def test_init_from_csv_says_what_it_guessed_and_how_to_change_it(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path)
    truth = tmp_path / "private/truth.csv"

    code, out, err = kit(
        "init", tmp_path / "x", "--from-csv", tmp_path / "data/train.csv", tmp_path / "data/test.csv", truth
    )

    assert code == 0, err
    assert "id_column = id\n    each row of test and truth has its own" in out
    assert "target = count\n" in out
    assert "metric = rmse\n    the target is a number. Another one: --metric NAME." in out
    assert "split = as in column 'split'\n    2 rows public, 2 private." in out


def test_init_refuses_a_folder_that_is_not_empty(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path)

    code, _, err = kit("init", tmp_path)

    assert code == 1
    assert "is not empty: it holds competition.toml, data, private." in err


def test_init_takes_guesses_only_from_files(tmp_path: Path, kit: Any) -> None:
    code, _, err = kit("init", tmp_path / "x", "--metric", "mae")

    assert code == 1
    assert "go with --from-csv" in err


def test_check_of_warnings_alone_succeeds(tmp_path: Path, kit: Any) -> None:
    four.write_open(tmp_path)
    (tmp_path / "private/truth.csv").chmod(0o600)

    code, out, _ = kit("check", tmp_path)

    assert code == 0
    assert out.endswith("0 problems, 2 warnings: ready to open\n")


def test_check_of_errors_fails_and_groups_them_by_file(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path, top="[limit]\n")
    (tmp_path / "data/test.csv").write_text("id,height,count\n1,1,10\n2,2,20\n3,3,30\n4,4,40\n")

    code, out, _ = kit("check", tmp_path)

    assert code == 1
    assert "competition.toml\n  x limit: is no key of the kit.\n    Did you mean 'limits'?\n" in out
    assert "data/test.csv\n  x count: the target of question 'counts' stands in it" in out


def test_check_prints_its_problems_for_programs(tmp_path: Path, kit: Any) -> None:
    code, out, _ = kit("check", tmp_path, "--json")

    assert code == 1
    assert json.loads(out) == [
        {
            "file": "competition.toml",
            "key": "",
            "text": "is not there.",
            "fix": "Write one with 'kit init', or name the folder that holds it.",
            "level": "error",
        }
    ]


def test_score_prints_both_splits_for_programs(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path / "four")
    (tmp_path / "s.csv").write_text(four.OFF_BY_TWO)

    code, out, _ = kit("score", tmp_path / "four", tmp_path / "s.csv", "--json")

    two = {"score": 2.0, "low": 2.0, "high": 2.0}
    assert code == 0
    assert json.loads(out) == {
        "question": "counts",
        "metric": "mae",
        "public": two,
        "private": two,
        "n_rows": 4,
        "more": {"rmse": {"public": two, "private": two}},
    }


def test_score_takes_parquet_with_the_index_pandas_writes(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path / "four")
    frame = pd.DataFrame({"id": [4, 2, 1, 3], "count": [40, 20, 10, 30]}, index=[3, 1, 0, 2])
    frame.to_parquet(tmp_path / "s.parquet")

    code, out, err = kit("score", tmp_path / "four", tmp_path / "s.parquet", "--json")

    assert code == 0, err
    assert json.loads(out)["private"]["score"] == 0


def test_score_refuses_bad_predictions_with_their_reasons(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path / "four")
    (tmp_path / "s.csv").write_text("id,count\n1,10\n2,n/a\n3,30\n9,40\n")

    code, out, err = kit("score", tmp_path / "four", tmp_path / "s.csv", "--json")

    assert (code, out) == (1, "")
    assert "  - 1 id missing: 4\n  - 1 id unknown: 9\n" in err
    assert "id 2 ('n/a')" in err


def test_score_names_the_questions_there_are(tmp_path: Path, kit: Any) -> None:
    four.write(tmp_path / "four")

    code, _, err = kit("score", tmp_path / "four", tmp_path / "s.csv", "-q", "prices")

    assert code == 1
    assert "it has 'counts'" in err
