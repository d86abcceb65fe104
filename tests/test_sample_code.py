"""The sample competition of code: its data in order of time, and its reference submissions."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import running
from sklearn.model_selection import TimeSeriesSplit
from threadpoolctl import threadpool_limits

from kit.competition import load_competition

FOLDER = Path(__file__).parents[1] / "data/departures"
A_DAY = 3 * 19
"""Rows: airports times hours."""
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
pytestmark = pytest.mark.timeout(1200)
each_submission = pytest.mark.parametrize("name", ["ridge", "boosting"])


def read(path: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / path)


def estimator(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / "submissions" / name / "estimator.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_estimator()


@pytest.mark.parametrize("part", ["train", "test"])
def test_rows_are_every_hour_of_every_airport_in_order_of_time(part: str) -> None:
    rows = read(f"data/{part}.csv")

    time = pd.to_datetime(rows["date"]) + pd.to_timedelta(rows["hour"], unit="h")

    assert time.is_monotonic_increasing and rows["hour_id"].is_monotonic_increasing
    assert not rows.duplicated(["date", "hour", "airport"]).any()
    assert len(rows) == rows["date"].nunique() * A_DAY


def test_the_test_begins_the_day_after_the_training_data_ends() -> None:
    train, test = (pd.to_datetime(read(f"data/{part}.csv")["date"]) for part in ("train", "test"))

    assert train.max() + pd.Timedelta(days=1) == test.min()


def test_days_are_public_or_private_as_a_whole_and_wild_ones_are_in_both() -> None:
    truth = read("private/truth.csv").merge(read("data/test.csv"), on=["hour_id", "date"])
    missed = (truth["scheduled"] - truth["departures"]) ** 2

    days = truth.assign(missed=missed).groupby("date").agg({"split": ["nunique", "first"], "missed": "sum"})
    days.columns = pd.Index(["n_splits", "split", "missed"])
    wild = days[days["missed"] > days["missed"].quantile(0.8)]

    assert (days["n_splits"] == 1).all()
    assert (wild["split"] == "public").mean() == pytest.approx(0.4, abs=0.05)


def test_folds_end_at_midnight_and_never_learn_from_what_comes_after() -> None:
    code = load_competition(FOLDER).question[0].code
    assert code is not None
    options = {key: value for key, value in code.splitter.items() if key != "name"}
    dates = read("data/train.csv")["date"]

    folds = list(TimeSeriesSplit(**options).split(dates))

    assert code.splitter["name"] == "TimeSeriesSplit" and len(folds) == 5
    for train_is, valid_is in folds:
        assert dates[train_is].max() < dates[valid_is].min()
        assert dates[valid_is].nunique() == 30


@each_submission
def test_a_reference_submission_uses_no_weather_of_later_rows(name: str) -> None:
    train, midnight = read("data/train.csv").head(60 * A_DAY), 30 * A_DAY
    X, y = train.drop(columns=["hour_id", "departures"]), train["departures"]
    other = X.copy()
    other.loc[midnight:, WEATHER] = X.loc[midnight:, WEATHER].sample(frac=1, random_state=0).to_numpy()

    with threadpool_limits(limits=1):
        model = estimator(name).fit(X, y)
        usual, changed = model.predict(X), model.predict(other)

    assert (usual[:midnight] == changed[:midnight]).all()
    assert (usual[midnight:] != changed[midnight:]).any()


@pytest.mark.slow
def test_the_good_submission_beats_the_simple_one_in_every_fold_as_the_readme_says() -> None:
    command = [sys.executable, "-m", "kit", "test", str(FOLDER), "--isolation", "none", "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    results = {result["submission"]: result for result in json.loads(done.stdout)}
    good, simple = results["boosting"], results["ridge"]
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert good["reproducible"] and simple["reproducible"]
    for better, worse in zip(good["folds"], simple["folds"], strict=True):
        for step in ("valid", "public", "private"):
            assert better[step]["rmse"] < 0.97 * worse[step]["rmse"]
    for name, result in results.items():
        folds = " ".join(f"{fold['valid']['rmse']:.2f}" for fold in result["folds"])
        public, private = (result["bagged"][split]["rmse"] for split in ("public", "private"))
        assert re.search(rf"submissions/{name}` .* \| {folds} \| {public:.2f} \| {private:.2f} \|", readme)


LOOKS_AHEAD = """
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def features(X):
    return X[["scheduled"]].assign(later=X["visib"].shift(-6).fillna(10))


def get_estimator():
    return make_pipeline(FunctionTransformer(features), LinearRegression())
"""


def with_problem(folder: Path) -> Path:
    """The competition, as problem.py asks for it."""
    shutil.copytree(FOLDER, folder)
    toml = (folder / "competition.toml").read_text(encoding="utf-8")
    toml = re.sub(r"^(train|test|kinds) +=.*\n", "", toml, flags=re.MULTILINE)
    toml = re.sub(r"^\[question.code.splitter\]\n(.+\n)*", "", toml, flags=re.MULTILINE)
    toml = toml.replace("[question.code] ", '[question.code]\nproblem = "problem.py" ')
    (folder / "competition.toml").write_text(toml, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_organizers_problem_refuses_a_look_into_the_future_and_nothing_else(tmp_path: Path) -> None:
    folder = with_problem(tmp_path / "departures")
    shutil.rmtree(folder / "submissions/boosting")
    (folder / "submissions/ahead").mkdir()
    (folder / "submissions/ahead/estimator.py").write_text(LOOKS_AHEAD)
    command = [sys.executable, "-m", "kit", "test", str(folder), "--isolation", "none", "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    ahead, ridge = sorted(json.loads(done.stdout), key=lambda result: str(result["submission"]))
    assert ahead["verdict"] == "crashed" and "it lies in the future" in ahead["traceback"]
    assert ridge["verdict"] is None
    assert [round(fold["valid"]["rmse"], 2) for fold in ridge["folds"]] == [3.33, 3.67, 3.60, 2.92, 3.04]


@pytest.mark.slow
def test_its_reference_notebook_gets_on_the_leaderboard_where_only_code_is_taken(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KIT_")}
    environment |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def kit(*arguments: object, given: str = "") -> str:
        command = [sys.executable, "-m", "kit", *map(str, arguments)]
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, env=environment, check=True
        )
        return done.stdout

    with running([FOLDER], tmp_path / "data") as service:
        password = kit("users", "add", "olga", "--organizer", "--data", tmp_path / "data")
        kit("login", f"{service.url}/departures", "--name", "olga", "--password-stdin", given=password)

        kit("baseline", FOLDER)

        (row,) = json.loads(kit("leaderboard", "--json"))
        assert row["team"] == "schedule" and row["rank"] is None
        assert row["score"] == pytest.approx(3.6, abs=0.1)


@pytest.mark.slow
def test_the_notebook_to_be_submitted_runs_and_beats_the_simple_submission(tmp_path: Path) -> None:
    notebook = Path(__file__).parents[1] / "notebooks/03-submit-notebook.ipynb"
    command = [sys.executable, "-m", "kit", "test", str(FOLDER), "--isolation", "none", "--json"]

    done = subprocess.run(
        [*command, "--submission", str(notebook)], capture_output=True, text=True, check=True
    )

    told = json.loads(done.stdout)
    assert (told["verdict"], told["n_cells_done"]) == (None, 3)
    assert told["bagged"]["test"]["rmse"] == pytest.approx(2.89, abs=0.05)
