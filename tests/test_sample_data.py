from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from scipy.stats import mannwhitneyu, spearmanr
from sklearn.metrics import log_loss, mean_absolute_error, r2_score, roc_auc_score, root_mean_squared_error
from sklearn.metrics import root_mean_squared_log_error as rmsle
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from traitlets.config import Config

from kit.competition import load_competition
from kit.truth import read_truth

DATA = Path(__file__).parents[1] / "data"
SLUGS = ["penguins", "diamonds", "flights", "departures"]
MAX_BYTES = {"penguins": 20_000, "diamonds": 1_000_000, "flights": 2_000_000, "departures": 1_200_000}
NOTEBOOKS = sorted(DATA.glob("*/notebooks/baselines/*.ipynb"))
REQUIREMENTS = dict(re.findall(r"^([\w-]+)==(\S+)$", (DATA / "requirements.txt").read_text(), re.MULTILINE))
SIGNAL = 1e-3
"""Chance of taking noise for a signal, in each test of one."""


@dataclass(frozen=True)
class Sample:
    """A question of a sample competition; `loss` is smaller for better predictions."""

    slug: str
    question: dict[str, Any]
    id_column: str
    target: str
    naive: str
    decent: str
    loss: Callable[[pd.Series, pd.Series], float]

    @property
    def folder(self) -> Path:
        return DATA / self.slug

    @property
    def is_classification(self) -> bool:
        return "classes" in self.question

    def read(self, path: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / path)

    def truth(self) -> pd.DataFrame:
        return self.read(self.question["truth"])

    def numbers(self, target: pd.Series) -> pd.Series:
        """The target as numbers: 1 for the last class, 0 for the first."""
        if not self.is_classification:
            return target.astype(float)
        positive: pd.Series = target == self.question["classes"][-1]
        return positive.astype(int)


def toml(slug: str) -> dict[str, Any]:
    return tomllib.loads((DATA / slug / "competition.toml").read_text(encoding="utf-8"))


def sample(slug: str, question: str, *args: Any) -> Any:
    found = next(q for q in toml(slug)["question"] if q["id"] == question)
    return pytest.param(
        Sample(slug, found, found["id_column"], found["target"], *args), id=f"{slug}-{question}"
    )


SAMPLES = [
    sample("penguins", "sex", "class-prior", "logistic-regression", log_loss),
    sample("diamonds", "price", "geometric-mean", "gradient-boosting", rmsle),
    sample("flights", "delay", "delay-median", "delay-gradient-boosting", mean_absolute_error),
    sample("flights", "late", "late-by-hour", "late-gradient-boosting", lambda y, p: 1 - roc_auc_score(y, p)),
]
each_slug = pytest.mark.parametrize("slug", SLUGS)
DEPARTURES = [sample("departures", "departures", "schedule", "", root_mean_squared_error)]
"""Of code: rows are in order of time. What else holds of it is in test_sample_code.py."""
each_shuffled_question = pytest.mark.parametrize("question", SAMPLES)
each_question = pytest.mark.parametrize("question", [*SAMPLES, *DEPARTURES])
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parts[-4]}-{p.stem}")


@each_slug
def test_rebuilding_from_the_packages_gives_the_same_bytes(slug: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(DATA / f"make_{slug}.py"), str(tmp_path)]

    subprocess.run(command, check=True)

    rebuilt = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.csv")}
    kept = {p.relative_to(DATA / slug): p.read_bytes() for p in (DATA / slug).rglob("*.csv")}
    assert rebuilt.keys() == kept.keys()
    assert [str(path) for path in kept if kept[path] != rebuilt[path]] == []


@each_slug
def test_the_kit_reads_competition_and_truth(slug: str) -> None:
    competition = load_competition(DATA / slug)

    for question in competition.question:
        truth = read_truth(competition, question)

        assert 0.39 < truth.is_public.mean() < 0.41


@each_question
def test_the_truth_asks_for_the_ids_of_the_test_set_and_no_other(question: Sample) -> None:
    train, test = question.read("data/train.csv"), question.read("data/test.csv")

    truth = question.truth()

    ids = truth[question.id_column]
    assert ids.is_unique and train[question.id_column].is_unique
    assert set(ids) == set(test[question.id_column])
    assert not set(ids) & set(train[question.id_column])


@each_question
def test_the_sample_submission_is_constant_and_has_every_id(question: Sample) -> None:
    submission = question.read(question.question["sample_submission"])

    assert list(submission) == [question.id_column, question.target]
    assert set(submission[question.id_column]) == set(question.truth()[question.id_column])
    assert submission[question.target].nunique() == 1


@each_shuffled_question
def test_forty_percent_are_public_in_each_stratum(question: Sample) -> None:
    truth = question.truth()
    numbers = question.numbers(truth[question.target])

    strata = numbers if question.is_classification else pd.qcut(numbers, 10, labels=False)
    public = (truth["split"] == "public").groupby(strata).mean()

    assert set(truth["split"]) == {"public", "private"}
    assert public.between(0.38, 0.42).all(), public


@each_shuffled_question
@pytest.mark.parametrize("part", ["train", "test"])
def test_ids_and_row_order_say_nothing_of_the_target(question: Sample, part: str) -> None:
    rows = question.truth() if part == "test" else question.read("data/train.csv")
    target = question.numbers(rows[question.target])
    by_id = target[rows[question.id_column].sort_values().index]

    for ordered in (target, by_id):
        trend = spearmanr(np.arange(len(ordered)), ordered).pvalue
        # Neighbours: in the source of penguins female and male alternate, diamonds are sorted by price.
        neighbours = spearmanr(ordered[:-1], ordered[1:]).pvalue

        assert trend > SIGNAL
        assert neighbours > SIGNAL


@each_shuffled_question
def test_ids_do_not_tell_test_from_train_nor_public_from_private(question: Sample) -> None:
    train, truth = question.read("data/train.csv"), question.truth()
    ids, is_public = truth[question.id_column], truth["split"] == "public"

    assert mannwhitneyu(train[question.id_column], ids).pvalue > SIGNAL
    assert mannwhitneyu(ids[is_public], ids[~is_public]).pvalue > SIGNAL
    assert spearmanr(truth.index, is_public).pvalue > SIGNAL


@each_question
def test_no_column_of_the_test_set_reveals_the_target(question: Sample) -> None:
    train = question.read("data/train.csv")
    truth = question.truth()[[question.id_column, question.target]]
    test = question.read("data/test.csv").merge(truth, on=question.id_column)
    y_train, y_test = (question.numbers(rows[question.target]) for rows in (train, test))

    for column in question.read("data/test.csv"):
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        coded = pd.api.types.is_string_dtype(train[column])
        X_train = codes.fit_transform(train[[column]]) if coded else train[[column]].to_numpy()
        X_test = codes.transform(test[[column]]) if coded else test[[column]].to_numpy()
        if question.is_classification:
            tree = DecisionTreeClassifier(min_samples_leaf=10, random_state=0).fit(X_train, y_train)
            revealed = roc_auc_score(y_test, tree.predict_proba(X_test)[:, 1])
        else:
            tree = DecisionTreeRegressor(min_samples_leaf=10, random_state=0).fit(X_train, y_train)
            revealed = r2_score(y_test, tree.predict(X_test))

        assert revealed < 0.995, column
        assert column == question.id_column or not (test[column] == test[question.target]).all()


@each_slug
def test_the_test_set_has_the_columns_of_the_training_set_without_the_targets(slug: str) -> None:
    targets = {q["target"] for q in toml(slug)["question"]}

    train, test = (pd.read_csv(DATA / slug / "data" / f"{part}.csv") for part in ("train", "test"))

    assert list(test) == [column for column in train if column not in targets]


@each_slug
def test_no_row_of_the_test_set_stands_in_the_training_set(slug: str) -> None:
    train, test = (pd.read_csv(DATA / slug / "data" / f"{part}.csv") for part in ("train", "test"))
    features = list(test.columns[1:])

    assert test[features].merge(train[features].drop_duplicates()).empty


def test_flights_of_one_day_are_all_in_train_or_all_in_test() -> None:
    train, test = (pd.read_csv(DATA / "flights/data" / f"{part}.csv") for part in ("train", "test"))

    assert not set(train["date"]) & set(test["date"])
    assert set(train["date"].str[:7]) == set(test["date"].str[:7])


def test_flights_hold_nothing_that_is_learned_at_departure_or_later() -> None:
    test = pd.read_csv(DATA / "flights/data/test.csv")

    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late"} & set(test)


def test_both_questions_of_flights_share_ids_and_split_so_that_neither_tells_of_the_other() -> None:
    delay, late = (pd.read_csv(DATA / "flights/private" / f"{name}.csv") for name in ("delay", "late"))

    pd.testing.assert_frame_equal(delay[["flight_id", "split"]], late[["flight_id", "split"]])
    assert delay["arr_delay"].notna().all() and late["late"].isin([0, 1]).all()


@each_slug
def test_the_readme_names_source_licence_citation_and_every_column(slug: str) -> None:
    readme = (DATA / slug / "README.md").read_text(encoding="utf-8")
    columns = pd.read_csv(DATA / slug / "data/train.csv").columns

    for part in ("**Source**", "**Licence**", "**Citation**"):
        assert part in readme
    assert re.search(r"CC0 1\.0|MIT", readme)
    assert any(f"{name}/) {pinned}" in readme for name, pinned in REQUIREMENTS.items())
    assert [column for column in columns if f"`{column}`" not in readme] == []


@pytest.mark.parametrize("package", sorted(REQUIREMENTS))
def test_the_package_installed_is_the_one_pinned(package: str) -> None:
    assert version(package) == REQUIREMENTS[package]


@each_slug
def test_files_stay_small(slug: str) -> None:
    sizes = {p.name: p.stat().st_size for p in (DATA / slug).rglob("*") if p.is_file()}

    assert {name: size for name, size in sizes.items() if size > MAX_BYTES[slug]} == {}


@each_notebook
def test_a_reference_notebook_keeps_the_contract_and_no_output(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    parameters = [cell.source for cell in code if "parameters" in cell.metadata.get("tags", [])]

    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert parameters == ['data_dir = "data"\noutput_path = "predictions.csv"']
    assert all(re.fullmatch(r"[a-z-]+", cell.id) for cell in notebook.cells)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.slow
@each_shuffled_question
def test_the_decent_reference_notebook_beats_the_naive_one_and_the_sample(
    question: Sample, tmp_path: Path
) -> None:
    truth = question.truth().set_index(question.id_column)
    wanted = question.numbers(truth[question.target])

    losses = []
    for name in (question.decent, question.naive):
        predictions = run(question, name, tmp_path).set_index(question.id_column)[question.target]
        assert sorted(predictions.index) == sorted(truth.index)
        assert np.isfinite(predictions).all()
        losses.append(question.loss(wanted, predictions[truth.index]))
    submission = question.read(question.question["sample_submission"]).set_index(question.id_column)
    losses.append(question.loss(wanted, submission[question.target][truth.index]))

    decent, naive, constant = losses
    assert decent < 0.95 * min(naive, constant)


def run(question: Sample, name: str, folder: Path) -> pd.DataFrame:
    """Run a reference notebook with the participants' files and nothing else; return its predictions."""
    (data := folder / "data").mkdir(exist_ok=True)
    for path in question.question["data"]:
        (data / Path(path).name).write_bytes((question.folder / path).read_bytes())
    output = folder / f"{name}.csv"
    papermill.execute_notebook(
        question.folder / "notebooks/baselines" / f"{name}.ipynb",
        folder / f"{name}.ipynb",
        parameters={"data_dir": str(data), "output_path": str(output)},
        cwd=folder,
        progress_bar=False,
        start_timeout=120,
        iopub_timeout=60,
        # A port that was found free may be a neighbour's before the kernel has it.
        config=Config(KernelManager={"transport": "ipc", "connection_file": str(folder / "k.json")}),
    )
    return pd.read_csv(output)
