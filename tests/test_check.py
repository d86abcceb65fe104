"""What `kit check` finds in a competition that was right until one thing was changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kit.check import check_competition
from kit.errors import Problem

NOW = datetime(2026, 3, 2, tzinfo=UTC)
N_TRAIN, N_TEST = 100, 120

TOML = """\
title = "Prices"
slug = "prices"
opens_at = 2026-03-01T09:00:00Z
closes_at = 2026-03-08T18:00:00Z
rules = "rules.md"

[[question]]
id = "price"
metric = "rmse"
id_column = "id"
target = "price"
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]
sample_submission = "data/sample_submission.csv"
baselines = ["notebooks/*.ipynb"]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A competition without a problem."""
    for folder in ("data", "private", "notebooks"):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    n = N_TRAIN + N_TEST
    size = rng.integers(10, 99, n)
    frame = pd.DataFrame(
        {
            "id": rng.permutation(n) + 1,
            "size": size,
            "kind": rng.choice(["flat", "house"], n),
            "price": size * 10 + rng.integers(0, 300, n),
        }
    )
    train, test = frame[:N_TRAIN], frame[N_TRAIN:]
    train.to_csv(tmp_path / "data/train.csv", index=False)
    test.drop(columns="price").to_csv(tmp_path / "data/test.csv", index=False)
    test[["id"]].assign(price=500).to_csv(tmp_path / "data/sample_submission.csv", index=False)
    truth = test[["id", "price"]].assign(split=np.resize(["public", "private"], N_TEST))
    truth.to_csv(tmp_path / "private/truth.csv", index=False)
    (tmp_path / "private").chmod(0o700)
    (tmp_path / "rules.md").write_text("Be kind.\n")
    (tmp_path / "notebooks/one.ipynb").write_text("{}")
    (tmp_path / "competition.toml").write_text(TOML)
    return tmp_path


def found(directory: Path) -> list[str]:
    return [shown(problem) for problem in check_competition(directory, now=NOW)]


def shown(problem: Problem) -> str:
    return f"{'warning' if problem.warning else 'error'}: {problem}"


def change(directory: Path, file: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = directory / file
    edit(pd.read_csv(path)).to_csv(path, index=False)


def change_toml(directory: Path, old: str, new: str) -> None:
    path = directory / "competition.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def truth_of(directory: Path) -> pd.DataFrame:
    return pd.read_csv(directory / "private/truth.csv")


def make_classes(directory: Path, metric: str = "roc_auc") -> None:
    """Turn the price into two classes; no sample submission."""
    change_toml(directory, '"rmse"', f'"{metric}"')
    change_toml(directory, 'sample_submission = "data/sample_submission.csv"\n', "")
    for file in ("data/train.csv", "private/truth.csv"):
        change(directory, file, lambda f: f.assign(price=np.where(f.price > 700, "high", "low")))


def test_a_competition_without_a_problem_has_none(directory: Path) -> None:
    assert found(directory) == []


def test_two_classes_without_a_problem_have_none(directory: Path) -> None:
    make_classes(directory)

    assert found(directory) == []


def test_problems_of_every_kind_are_found_at_once(directory: Path) -> None:
    change_toml(directory, 'slug = "prices"', 'slug = "prices"\nsummery = ""')
    change(directory, "data/train.csv", lambda f: f.drop(columns="price"))
    change(directory, "private/truth.csv", lambda f: f.assign(split=np.resize(["public", "test"], len(f))))
    (directory / "rules.md").write_text(" \n")

    assert found(directory) == [
        "error: competition.toml: summery: is no key of the kit. Did you mean 'summary'?",
        "error: rules.md: is empty. Write what participants must accept, or take the key 'rules' out.",
        "error: private/truth.csv: split: holds 'test'. Write 'public' or 'private' in each row.",
        "error: private/truth.csv: split: no row is private. Deal rows to both parts.",
    ]


def test_train_must_have_the_target(directory: Path) -> None:
    change(directory, "data/train.csv", lambda f: f.drop(columns="price"))

    assert found(directory) == [
        "error: data/train.csv: price: is no column, and it is the target of question 'price'. "
        "It has id, size, kind."
    ]


def test_test_must_not_have_the_target(directory: Path) -> None:
    change(directory, "data/test.csv", lambda f: f.merge(truth_of(directory)[["id", "price"]]))

    assert found(directory) == [
        "error: data/test.csv: price: the target of question 'price' stands in it, for 120 ids of the truth. "
        "Take the column out."
    ]


def test_an_empty_target_column_in_test_is_no_leak(directory: Path) -> None:
    change(directory, "data/test.csv", lambda f: f.assign(price=np.nan))

    assert found(directory) == []


def test_test_and_truth_must_hold_the_same_ids(directory: Path) -> None:
    ids = pd.read_csv(directory / "data/test.csv").id.astype(str).tolist()
    change(directory, "data/test.csv", lambda f: f[6:])
    change(directory, "private/truth.csv", lambda f: f[:-1])
    (directory / "data/sample_submission.csv").unlink()
    change_toml(directory, 'sample_submission = "data/sample_submission.csv"\n', "")

    assert found(directory) == [
        f"error: data/test.csv: id: lacks 6 ids of the truth: {', '.join(ids[:5])}, …. "
        "Add their rows, or take them out of private/truth.csv.",
        f"error: data/test.csv: id: holds 1 id that the truth does not: {ids[-1]}. "
        "Take their rows out, or add them to private/truth.csv.",
    ]


def test_test_must_have_ids(directory: Path) -> None:
    change(directory, "data/test.csv", lambda f: f.drop(columns="id"))

    assert found(directory) == [
        "error: data/test.csv: id: is no column, and predictions of question 'price' are matched by it. "
        "It has size, kind."
    ]


def test_train_and_test_must_not_share_ids(directory: Path) -> None:
    shared = truth_of(directory).head(2)
    rows = shared.drop(columns="split").assign(size=1, kind="flat")
    change(directory, "data/train.csv", lambda f: pd.concat([f, rows[f.columns]]))

    assert found(directory) == [
        "error: data/train.csv: id: 2 ids of the truth stand in the training data: "
        f"{shared.id.iloc[0]}, {shared.id.iloc[1]}. Take these rows out."
    ]


def test_a_column_that_orders_the_rows_as_the_target_does_is_a_leak(directory: Path) -> None:
    price = truth_of(directory).set_index("id").price
    change(directory, "data/test.csv", lambda f: f.assign(tax=-3.0 * f.id.map(price)))

    assert found(directory) == [
        "error: data/test.csv: tax: orders the rows exactly as the target 'price' does. Take the column out."
    ]


def test_a_column_that_names_the_classes_otherwise_is_a_leak(directory: Path) -> None:
    make_classes(directory)
    price = truth_of(directory).set_index("id").price
    change(
        directory, "data/test.csv", lambda f: f.assign(code=f.id.map(price).map({"high": "x", "low": "y"}))
    )

    assert found(directory) == [
        "error: data/test.csv: code: names the classes exactly as the target 'price' does. "
        "Take the column out."
    ]


def test_rows_sorted_by_the_target_are_found(directory: Path) -> None:
    price = truth_of(directory).set_index("id").price
    change(directory, "data/test.csv", lambda f: f.iloc[np.argsort(f.id.map(price).to_numpy())])

    assert found(directory) == [
        "warning: data/test.csv: the order of the rows tells the target 'price': rank correlation 1.00. "
        "Shuffle the rows."
    ]


def test_ids_given_class_by_class_are_found(directory: Path) -> None:
    make_classes(directory)
    truth = truth_of(directory)
    new_ids = truth.id[np.argsort(truth.price.to_numpy(), kind="stable")].reset_index(drop=True)
    renamed = dict(zip(new_ids, 1000 + new_ids.index, strict=True))
    for file in ("data/test.csv", "private/truth.csv"):
        change(directory, file, lambda f: f.assign(id=f.id.map(renamed)))

    assert found(directory) == [
        "warning: data/test.csv: id: ids tell the target 'price': AUC 1.00 for class 'low'. "
        "Give ids at random."
    ]


def test_a_copy_of_the_truth_among_the_data_is_found(directory: Path) -> None:
    (directory / "data/extra.csv").write_bytes((directory / "private/truth.csv").read_bytes())
    change_toml(directory, '"data/test.csv"]', '"data/test.csv", "data/extra.csv"]')

    assert found(directory)[0] == (
        "error: competition.toml: question 'price': data: 'data/extra.csv' is a copy of the truth "
        "'private/truth.csv', and participants get it. Take it out."
    )


def test_the_organizers_file_among_the_data_is_found(directory: Path) -> None:
    change_toml(directory, '"data/test.csv"]', '"data/test.csv", "competition.toml"]')

    assert found(directory) == [
        "error: competition.toml: question 'price': data: 'competition.toml' is the organizers' own file. "
        "Take it out: it may hold an invitation code."
    ]


def test_the_truth_beside_the_data_is_warned_of(directory: Path) -> None:
    (directory / "private/truth.csv").rename(directory / "data/truth.csv")
    (directory / "data/truth.csv").chmod(0o600)
    change_toml(directory, "private/truth.csv", "data/truth.csv")

    assert {problem.split(" lies in")[0] for problem in found(directory)} == {
        f"warning: competition.toml: question 'price': {key}: 'data/{name}.csv'"
        for key, name in (("data", "train"), ("data", "test"), ("sample_submission", "sample_submission"))
    }


def test_two_files_of_one_name_are_refused(directory: Path) -> None:
    (directory / "old").mkdir()
    (directory / "data/train.csv").rename(directory / "old/test.csv")
    change_toml(directory, "data/train.csv", "old/test.csv")

    assert any("are all called 'test.csv'" in problem for problem in found(directory))


def test_a_sample_submission_must_be_a_valid_submission(directory: Path) -> None:
    change(directory, "data/sample_submission.csv", lambda f: f[2:].assign(size=1))

    ids = truth_of(directory).id.tolist()
    assert found(directory) == [
        "error: data/sample_submission.csv: is no valid submission: 1 column not expected: 'size'. "
        "Mend the file.",
        f"error: data/sample_submission.csv: is no valid submission: 2 ids missing: {ids[0]}, {ids[1]}. "
        "Mend the file.",
    ]


def test_a_sample_submission_must_not_hold_the_truth(directory: Path) -> None:
    truth_of(directory).drop(columns="split").to_csv(directory / "data/sample_submission.csv", index=False)

    assert found(directory) == [
        "error: data/sample_submission.csv: holds the truth, and participants get it. "
        "Write constants instead."
    ]


def test_an_unreadable_table_is_named(directory: Path) -> None:
    (directory / "data/train.csv").write_bytes(b"\xff\xfe\x00")

    assert any(p.startswith("error: data/train.csv: cannot be read: ") for p in found(directory))


def own_metric(directory: Path, body: str, greater_is_better: str) -> None:
    (directory / "metrics.py").write_text(f"def cost(truth, predictions):\n    {body}\n")
    keys = f'"metrics.py:cost"\ngreater_is_better = {greater_is_better}'
    change_toml(directory, '"rmse"', keys)


def test_a_wrong_direction_is_found(directory: Path) -> None:
    own_metric(directory, "return (truth - predictions).abs().to_numpy().mean()", "true")

    problems = found(directory)

    assert len(problems) == 2
    assert all("by 'metrics.py:cost' perfect predictions (0) stand behind " in p for p in problems)
    assert problems[0].endswith("The direction is probably wrong: set greater_is_better = false.")


def test_a_metric_that_cannot_tell_is_warned_of(directory: Path) -> None:
    own_metric(directory, "return 1.0", "true")

    problems = found(directory)

    assert problems[0] == (
        "warning: competition.toml: question 'price': metric: 'metrics.py:cost' gives perfect and constant "
        "predictions the same score on the public split (1). "
        "Check the metric, and that the target varies there."
    )


@pytest.mark.parametrize("body", ["return 1 / 0", "return float('nan')"], ids=["raises", "nan"])
def test_a_metric_that_fails_is_found(directory: Path, body: str) -> None:
    own_metric(directory, body, "true")

    problems = found(directory)

    assert len(problems) == 1
    assert problems[0].startswith("error: metrics.py: question 'price': metric: Metric 'metrics.py:cost' ")


def test_a_truth_outside_the_range_of_predictions_is_found(directory: Path) -> None:
    change_toml(directory, '"rmse"', '"rmsle"')
    change(directory, "private/truth.csv", lambda f: f.assign(price=f.price - 600))

    assert found(directory) == [
        "error: competition.toml: question 'price': metric: predictions must lie from 0 to inf, "
        "and the truth does not. 'non_negative' is asked for: choose another metric or domain."
    ]


def test_small_splits_are_warned_of(directory: Path) -> None:
    split = ["public"] * 29 + ["private"] * (N_TEST - 29)
    change(directory, "private/truth.csv", lambda f: f.assign(split=split))

    assert found(directory) == [
        "warning: private/truth.csv: split: the public split has 29 rows: its scores are mostly chance. "
        "Use at least 30, better hundreds."
    ]


def test_a_class_missing_in_a_split_is_warned_of(directory: Path) -> None:
    make_classes(directory, "accuracy")
    change(
        directory,
        "private/truth.csv",
        lambda f: f.assign(price=f.price.where(f.index != f.index[f.split == "public"][0], "rare")),
    )

    assert found(directory) == [
        "warning: private/truth.csv: price: the private split has no row of 'rare'. "
        "Split each class by itself (a stratified split).",
        "warning: data/train.csv: price: lacks 1 class of the truth: rare. "
        "Check that both files spell the classes alike.",
    ]


def test_groups_in_both_splits_are_warned_of(directory: Path) -> None:
    change_toml(directory, 'id_column = "id"', 'id_column = "id"\ngroup_column = "street"')
    change(directory, "private/truth.csv", lambda f: f.assign(street=f.index // 2))

    assert found(directory) == [
        "warning: private/truth.csv: street: 60 groups have rows in both splits: the public score tells of "
        "private rows. Deal whole groups to the splits."
    ]


def test_a_truth_that_others_can_read_is_warned_of(directory: Path) -> None:
    (directory / "private").chmod(0o755)
    (directory / "private/truth.csv").chmod(0o644)
    directory.chmod(0o755)

    assert found(directory) == [
        "warning: private/truth.csv: can be read by other accounts of this machine (mode 644). "
        "Run in the competition's folder: chmod 700 private && chmod 600 private/truth.csv"
    ]

    (directory / "private").chmod(0o700)

    assert found(directory) == []


def test_baselines_that_match_nothing_are_warned_of(directory: Path) -> None:
    (directory / "notebooks/one.ipynb").unlink()

    assert found(directory) == [
        "warning: competition.toml: question 'price': baselines: 'notebooks/*.ipynb' matches no file. "
        "Add one, or mend the path."
    ]


def test_baselines_outside_the_folder_are_refused(directory: Path) -> None:
    change_toml(directory, "notebooks/*.ipynb", "../*.ipynb")

    assert found(directory)[0].startswith("error: ")


def test_a_competition_that_has_closed_is_warned_of(directory: Path) -> None:
    problems = check_competition(directory, now=NOW + timedelta(days=30))

    assert [shown(problem) for problem in problems] == [
        "warning: competition.toml: closes_at: 2026-03-08 18:00:00+00:00 has passed: nobody can submit. "
        "Set a later time."
    ]


def test_tables_that_nobody_gets_are_warned_of(directory: Path) -> None:
    change_toml(directory, 'data = ["data/train.csv", "data/test.csv"]\n', "")

    assert [p.split(", so")[0] for p in found(directory)] == [
        f"warning: competition.toml: question 'price': data: no table with '{word}' in its name"
        for word in ("train", "test")
    ]


def test_text_ids_and_parquet_are_as_good(directory: Path) -> None:
    for name in ("data/train", "data/test", "private/truth"):
        frame = pd.read_csv(directory / f"{name}.csv")
        frame["id"] = "row-" + frame.id.astype(str)
        frame.to_parquet(directory / f"{name}.parquet")
        change_toml(directory, f"{name}.csv", f"{name}.parquet")
    change_toml(directory, 'sample_submission = "data/sample_submission.csv"\n', "")

    assert found(directory) == []


def test_ids_that_have_several_spellings_are_refused(directory: Path) -> None:
    truth = pd.read_csv(directory / "private/truth.csv")
    truth["id"] = pd.Timestamp("2026-03-01") + pd.to_timedelta(truth.id, unit="D")
    truth.to_parquet(directory / "private/truth.parquet")
    change_toml(directory, "private/truth.csv", "private/truth.parquet")

    assert found(directory) == [
        "error: private/truth.parquet: id: holds ids of the type datetime. "
        "Write whole numbers or text, in all files alike."
    ]


def test_ids_that_are_numbers_with_a_point_are_refused(directory: Path) -> None:
    truth = pd.read_csv(directory / "private/truth.csv")
    truth.assign(id=truth.id.astype(float)).to_csv(directory / "private/truth.csv", index=False)

    assert found(directory)[0] == (
        f"error: private/truth.csv: id: holds ids with a point, as '{truth.id[0]}.0', which programs read as "
        "other numbers. Write whole numbers or text, in all files alike."
    )


def test_words_for_nothing_are_ids_and_classes_too(directory: Path) -> None:
    for name in ("data/train", "data/test", "private/truth"):
        frame = pd.read_csv(directory / f"{name}.csv")
        frame["id"] = "row-" + frame.id.astype(str)
        if name != "data/train":
            frame.loc[:1, "id"] = ["NA", "null"]
        if "price" in frame:
            frame["price"] = np.where(frame.price % 2 == 0, "None", "NA")
        frame.to_csv(directory / f"{name}.csv", index=False)
    change_toml(directory, 'sample_submission = "data/sample_submission.csv"\n', "")
    change_toml(directory, 'metric = "rmse"', 'metric = "accuracy"')

    assert found(directory) == []


@pytest.mark.parametrize(
    "line",
    ['splitter = { name = "KFolds" }', "splitter = { n_splits = 1 }", 'environment = "requirements.txt"'],
)
def test_code_is_not_run_where_its_table_is_wrong(directory: Path, line: str) -> None:
    code = f'[question.code]\ntrain = "data/train.csv"\ntest = "data/test.csv"\n{line}\n'
    change_toml(directory, 'baselines = ["notebooks/*.ipynb"]\n', code)

    (problem,) = found(directory)

    assert problem.startswith(f"error: competition.toml: question 'price': code.{line.partition(' ')[0]}: ")
