"""New competitions, from the example and from three CSV files: right at once, and what cannot be refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import papermill
import pytest

from kit.check import check_competition
from kit.competition import load_competition
from kit.errors import InvalidCompetition, OrganizerError
from kit.predictions import read_predictions
from kit.scoring import score_split
from kit.starter import Guess, start_example, start_from_csv
from kit.starter._split import deal
from kit.submission import Split
from kit.truth import read_truth

NOW = datetime(2026, 3, 1, 9, 30, 15, tzinfo=UTC)
N = 300


def table() -> pd.DataFrame:
    """300 rows with targets of each kind."""
    rng = np.random.default_rng(1)
    size = rng.normal(50, 20, N)
    kind = rng.choice(["flat", "house", "boat"], N, p=[0.5, 0.3, 0.2])
    noise = rng.normal(0, 5, N)
    return pd.DataFrame(
        {
            "row_id": rng.permutation(10_000)[:N],
            "size": np.where(rng.random(N) < 0.05, np.nan, size.round(2)),
            "colour": rng.choice(["red", "blue"], N),
            "floor": rng.integers(0, 9, N),
            "is_new": rng.random(N) < 0.5,
            "price": (size * 3 + noise).round(1),
            "weight": (size * 2 - noise).round(1),
            "sold": (size + noise > 50).astype(int),
            "likes": np.where(size + noise > 50, "yes", "no"),
            "kind": kind,
            "stars": np.clip((size / 20).astype(int), 0, 4),
        }
    )


FEATURES = ["row_id", "size", "colour", "floor", "is_new"]


def write(folder: Path, *targets: str, **extra: Any) -> tuple[Path, Path, Path]:
    """Train, test and truth with these targets, and columns added to the truth."""
    frame = table()
    train, test = frame[:200], frame[200:]
    paths = (folder / "train.csv", folder / "test.csv", folder / "truth.csv")
    features = [column for column in FEATURES if column not in targets]
    train[[*features, *targets]].to_csv(paths[0], index=False)
    test[features].to_csv(paths[1], index=False)
    test[["row_id", *targets]].assign(**extra).to_csv(paths[2], index=False)
    return paths


def guessed(guesses: tuple[Guess, ...]) -> dict[str, str]:
    return {guess.key: guess.value for guess in guesses}


def run_cells(notebook: Path, data: Path, output: Path) -> None:
    """What papermill does, without a kernel."""
    names: dict[str, Any] = {}
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {"data_dir": str(data), "output_path": str(output)}


def problems_of(paths: tuple[Path, Path, Path], directory: Path, **options: Any) -> list[str]:
    with pytest.raises(InvalidCompetition) as caught:
        start_from_csv(directory, *paths, now=NOW, **options)
    assert not directory.exists()
    where = f"{paths[0].parent}/"
    return [str(problem).replace(where, "") for problem in caught.value.problems]


# The example --------------------------------------------------------------------------------------------


def test_the_example_is_ready_to_open(tmp_path: Path) -> None:
    guesses = start_example(tmp_path / "my-first", title=None, now=NOW)

    competition = load_competition(tmp_path / "my-first")
    assert guesses == ()
    assert check_competition(tmp_path / "my-first", now=NOW) == []
    assert (competition.title, competition.slug) == ("My first", "my-first")
    assert (competition.opens_at, competition.closes_at) == (NOW, NOW + timedelta(days=7))


def test_the_truth_of_the_example_is_kept_from_others(tmp_path: Path) -> None:
    start_example(tmp_path, now=NOW)

    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "private/truth.csv").stat().st_mode & 0o777 == 0o600


def test_a_title_may_hold_anything(tmp_path: Path) -> None:
    start_example(tmp_path / "x", title='"Zoë\'s" $5 \\ prices', now=NOW)

    assert load_competition(tmp_path / "x").title == '"Zoë\'s" $5 \\ prices'


def test_a_reference_notebook_of_the_example_runs_under_papermill(tmp_path: Path) -> None:
    start_example(tmp_path / "x", now=NOW)
    source = tmp_path / "x/notebooks/baselines/gradient-boosting.ipynb"
    output = tmp_path / "predictions.csv"

    papermill.execute_notebook(
        str(source),
        str(tmp_path / "executed.ipynb"),
        parameters={"data_dir": str(tmp_path / "x/data"), "output_path": str(output)},
        progress_bar=False,
        start_timeout=240,
    )

    competition = load_competition(tmp_path / "x")
    truth = read_truth(competition, competition.question[0])
    assert len(read_predictions(output, truth.expected)) == 200


@pytest.mark.parametrize("start", ["example", "csv"])
def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, start: str) -> None:
    paths = write(tmp_path, "price")

    with pytest.raises(OrganizerError, match=r"is not empty: it holds test\.csv, train\.csv, truth\.csv"):
        if start == "example":
            start_example(tmp_path, now=NOW)
        else:
            start_from_csv(tmp_path, *paths, now=NOW)


# From CSV -----------------------------------------------------------------------------------------------

KINDS = {
    "number": (("price",), {}, "rmse"),
    "median": (("price",), {"metric": "mae"}, "mae"),
    "from 0 up": (("stars",), {"metric": "rmsle"}, "rmsle"),
    "two classes as numbers": (("sold",), {}, "roc_auc"),
    "two classes as text": (("likes",), {}, "roc_auc"),
    "two classes, labels": (("likes",), {"metric": "f1"}, "f1"),
    "true and false": (("is_new",), {}, "roc_auc"),
    "classes": (("kind",), {}, "accuracy"),
    "classes, probabilities": (("kind",), {"metric": "log_loss"}, "log_loss"),
    "classes as numbers": (("stars",), {}, "accuracy"),
    "classes as numbers, ordered": (
        ("stars",),
        {"metric": "quadratic_weighted_kappa"},
        "quadratic_weighted_kappa",
    ),
    "several numbers": (("price", "weight"), {}, "rmse"),
    "several classes": (("kind", "likes"), {}, "accuracy"),
}


@pytest.mark.parametrize(("targets", "options", "metric"), KINDS.values(), ids=KINDS)
def test_a_competition_from_three_files_is_ready_and_its_notebooks_learn(
    tmp_path: Path, targets: tuple[str, ...], options: dict[str, Any], metric: str
) -> None:
    directory = tmp_path / "prices"

    guesses = start_from_csv(directory, *write(tmp_path, *targets), now=NOW, **options)

    assert guessed(guesses)["id_column"] == "row_id"
    assert guessed(guesses)["target"] == ", ".join(targets)
    assert guessed(guesses).get("metric") == (None if "metric" in options else metric)
    assert check_competition(directory, now=NOW) == []
    competition = load_competition(directory)
    question = competition.question[0]
    truth = read_truth(competition, question)
    scores = []
    for name in ("constant", "gradient-boosting"):
        output = tmp_path / f"{name}.csv"
        run_cells(directory / f"notebooks/baselines/{name}.ipynb", directory / "data", output)
        predictions = read_predictions(output, truth.expected)
        scores.append(
            score_split(metric, predictions, truth, question, Split.PRIVATE, directory=competition.directory)
        )
    sign = 1 if question.is_greater_better(metric) else -1
    # Colour and novelty are tossed coins; everything else can be learned from size.
    if set(targets) & {"price", "weight", "sold", "likes", "stars"} and "kind" not in targets:
        assert sign * scores[1] > sign * scores[0]


def test_what_was_guessed_stands_in_the_file_with_its_reason(tmp_path: Path) -> None:
    start_from_csv(tmp_path / "x", *write(tmp_path, "likes"), now=NOW)

    toml = (tmp_path / "x/competition.toml").read_text()

    assert "# metric = roc_auc: two classes: no, yes; predictions are the probability of yes." in toml
    assert "# split = 50 rows public, 50 private: no column 'split' in the truth" in toml


def test_the_files_are_copied_and_the_split_is_written_into_the_truth(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")

    start_from_csv(tmp_path / "x", *paths, now=NOW)

    assert (tmp_path / "x/data/train.csv").read_bytes() == paths[0].read_bytes()
    assert (tmp_path / "x/data/test.csv").read_bytes() == paths[1].read_bytes()
    written = pd.read_csv(tmp_path / "x/private/truth.csv")
    pd.testing.assert_frame_equal(written.drop(columns="split"), pd.read_csv(paths[2]))
    assert written.split.value_counts().to_dict() == {"public": 50, "private": 50}


@pytest.mark.parametrize("column", ["split", "Usage"])
def test_a_split_that_is_given_is_kept(tmp_path: Path, column: str) -> None:
    given = ["Public"] * 30 + ["Private"] * 70

    guesses = start_from_csv(tmp_path / "x", *write(tmp_path, "price", **{column: given}), now=NOW)

    written = pd.read_csv(tmp_path / "x/private/truth.csv")
    assert written.split.tolist() == [name.lower() for name in given]
    assert guessed(guesses)["split"] == f"as in column '{column}'"


def test_a_dealt_split_has_half_of_each_class() -> None:
    values = pd.Series(["a"] * 10 + ["b"] * 31 + ["c"] * 2)

    split = deal(values, is_class=True)

    assert split[values == "a"].value_counts().to_dict() == {"public": 5, "private": 5}
    assert abs((split[values == "b"] == "public").sum() - 15.5) == 0.5
    assert set(split[values == "c"]) == {"public", "private"}


def test_lots_are_not_to_be_guessed() -> None:
    values = pd.Series(["a", "b"] * 50)

    assert not (deal(values, is_class=True) == deal(values, is_class=True)).all()


def test_a_dealt_split_has_half_of_each_tenth() -> None:
    values = pd.Series(np.random.default_rng(0).exponential(size=200))

    split = deal(values, is_class=False)

    top = values.rank() > 180
    assert split[top].value_counts().to_dict() == {"public": 10, "private": 10}


def test_several_columns_fit_and_the_one_named_like_an_id_is_taken(tmp_path: Path) -> None:
    train, test, truth = write(tmp_path, "price")
    numbers = pd.read_csv(test).assign(line=range(100))[["line", *FEATURES]]
    numbers.to_csv(test, index=False)
    pd.read_csv(truth).assign(line=range(100)).to_csv(truth, index=False)

    first = start_from_csv(tmp_path / "a", train, test, truth, now=NOW)
    second = start_from_csv(tmp_path / "b", train, test, truth, now=NOW, id_column="line")

    assert guessed(first)["id_column"] == "row_id"
    assert "id_column" not in guessed(second)
    assert load_competition(tmp_path / "b").question[0].id_column == "line"


def test_text_is_kept_as_it_is_written(tmp_path: Path) -> None:
    train, test, truth = write(tmp_path, "price")
    for path in (test, truth):
        frame = pd.read_csv(path, dtype=str)
        frame.assign(row_id=frame.row_id.str.zfill(6)).to_csv(path, index=False)

    start_from_csv(tmp_path / "x", train, test, truth, now=NOW)

    assert pd.read_csv(tmp_path / "x/private/truth.csv", dtype=str).row_id.str.len().unique().tolist() == [6]
    assert check_competition(tmp_path / "x", now=NOW) == []


# What cannot be a competition ---------------------------------------------------------------------------


def test_a_truth_without_ids_is_refused_though_it_is_as_long_as_test(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    pd.read_csv(paths[2])[["price"]].to_csv(paths[2], index=False)

    assert problems_of(paths, tmp_path / "x") == [
        "truth.csv: shares no column with test.csv "
        "(here: price; there: row_id, size, colour, floor, is_new), "
        "so its rows cannot be matched. Rows are never matched by their order: add an id column to both, as "
        "with frame.insert(0, 'id', range(len(frame)))."
    ]


def test_ids_that_do_not_match_are_named(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    truth = pd.read_csv(paths[2], dtype=str)
    lost, again = truth.row_id[0], truth.row_id[2]
    truth.loc[0, "row_id"], truth.loc[1, "row_id"] = "x1", again
    lost_too = pd.read_csv(paths[1], dtype=str).row_id[1]
    truth.to_csv(paths[2], index=False)

    assert problems_of(paths, tmp_path / "x") == [
        f"truth.csv: row_id: ids stand more than once: {again}. Give each row its own, or name another --id.",
        f"test.csv: row_id: 2 of its ids are not in truth: {lost}, {lost_too}. "
        "Test and truth must hold the same ids.",
        "truth.csv: row_id: 1 of its ids are not in test: x1. Test and truth must hold the same ids.",
    ]


def test_a_target_that_train_lacks_is_named(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    pd.read_csv(paths[0]).rename(columns={"price": "Price"}).to_csv(paths[0], index=False)

    assert problems_of(paths, tmp_path / "x") == [
        "train.csv: has no target: of the truth's columns (price) none stands in it. "
        "It has row_id, size, colour, floor, is_new, Price. Name the target alike in both files."
    ]


def test_a_target_that_stands_in_test_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    pd.read_csv(paths[1]).assign(price=1).to_csv(paths[1], index=False)

    assert problems_of(paths, tmp_path / "x") == [
        "test.csv: price: every column of the truth stands in test too: price. Take the target out of test."
    ]


def test_semicolons_are_named(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    pd.read_csv(paths[0]).to_csv(paths[0], index=False, sep=";")

    assert problems_of(paths, tmp_path / "x") == [
        "train.csv: its columns are separated by semicolons. "
        "Write commas: pd.read_csv(path, sep=';').to_csv(path, index=False)"
    ]


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    paths[0].write_bytes("größe,x\n1,2\n".encode("utf-16"))
    paths[1].write_text("")
    paths[2].unlink()

    assert problems_of(paths, tmp_path / "x") == [
        "train.csv: is no UTF-8 text. Save it as CSV in UTF-8.",
        "test.csv: has no header. Write the names of the columns in its first line.",
        "truth.csv: cannot be read: No such file or directory. Name a CSV file.",
    ]


def test_a_column_of_numbers_and_words_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, "price")
    truth = pd.read_csv(paths[2], dtype=str)
    truth.loc[3, "price"] = "12,5"
    truth.to_csv(paths[2], index=False)

    assert problems_of(paths, tmp_path / "x") == [
        "truth.csv: price: holds '12,5', which is no number. Mend it in truth and train."
    ]


def test_an_empty_target_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, "kind")
    truth = pd.read_csv(paths[2], dtype=str)
    truth.loc[[3, 5], "kind"] = None
    truth.to_csv(paths[2], index=False)

    assert problems_of(paths, tmp_path / "x") == [
        "truth.csv: kind: 2 values are empty. Fill them in, or take the rows out of truth and test."
    ]


def test_targets_of_two_kinds_are_refused(tmp_path: Path) -> None:
    assert problems_of(write(tmp_path, "price", "likes"), tmp_path / "x") == [
        "truth.csv: holds targets of two kinds: price (number), likes (class). "
        "Name one with --target, and write a second [[question]] for the other afterwards."
    ]


def test_a_split_of_other_words_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, "price", split=["public", "hidden"] * 50)

    assert problems_of(paths, tmp_path / "x") == [
        "truth.csv: split: holds 'hidden'. Write 'public' or 'private' in each row, both, "
        "or take the column out: rows are dealt then."
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"metric": "auc"}, "--metric: There is no metric 'auc'. Did you mean 'roc_auc'?"),
        (
            {"metric": "ndcg@5"},
            "--metric: 'ndcg@5' needs a group_column. Take another one now, and write both into "
            "competition.toml afterwards.",
        ),
        (
            {"metric": "f1"},
            "truth.csv: kind: has 3 classes, and 'f1' takes two. Choose with --target and --metric.",
        ),
        (
            {"metric": "rmse"},
            "truth.csv: kind: holds 'flat', 'house', 'boat', which is no number. Mend it in truth and train.",
        ),
        ({"id_column": "nr"}, "test.csv: nr: is no column. It has row_id, size, colour, floor, is_new."),
        ({"target": ("price",)}, "truth.csv: price: is no column. It has row_id, kind."),
    ],
    ids=["unknown metric", "group metric", "two classes", "numbers", "id", "target"],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    assert problems_of(write(tmp_path, "kind"), tmp_path / "x", **options)[0] == problem


# Code ---------------------------------------------------------------------------------------------------


def estimator(path: Path) -> Any:
    names: dict[str, Any] = {}
    exec(path.read_text(), names)
    return names["get_estimator"]()


def test_the_example_with_code_is_ready_to_open(tmp_path: Path) -> None:
    start_example(tmp_path / "x", now=NOW, takes_code=True)

    code = load_competition(tmp_path / "x").question[0].code
    assert check_competition(tmp_path / "x", now=NOW) == []
    assert code is not None and code.kinds == ("code", "predictions")


@pytest.mark.parametrize(
    ("targets", "options", "_"),
    [kind for kind in KINDS.values() if kind[0] != ("kind", "likes")],
    ids=[name for name in KINDS if name != "several classes"],
)
def test_the_submissions_to_start_from_learn(
    tmp_path: Path, targets: tuple[str, ...], options: dict[str, Any], _: str
) -> None:
    start_from_csv(tmp_path / "x", *write(tmp_path, *targets), now=NOW, takes_code=True, **options)
    train, test = pd.read_csv(tmp_path / "x/data/train.csv"), pd.read_csv(tmp_path / "x/data/test.csv")
    features = [column for column in test if column != "row_id"]
    y = train[targets[0]] if len(targets) == 1 else train[list(targets)]

    for name in ("constant", "gradient-boosting"):
        model = estimator(tmp_path / f"x/submissions/{name}/estimator.py").fit(train[features], y)
        predictions = model.predict(test[features])

        is_constant = bool((predictions == predictions[0]).all())
        assert len(predictions) == len(test)
        assert is_constant == (name == "constant")
        assert hasattr(model, "predict_proba") == bool(load_competition(tmp_path / "x").question[0].classes)


def test_code_for_classes_of_several_targets_is_refused(tmp_path: Path) -> None:
    problems = problems_of(write(tmp_path, "kind", "likes"), tmp_path / "x", takes_code=True)

    assert problems == [
        "competition.toml: target: code predicts classes of one target only. Name one with --target."
    ]
