"""A kit in RAMP's contract on a real service: hosted without a truth, judged, ranked, compared, exported."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ramp_kit
from coding import Team
from processes import below
from running import Service, running
from test_code_files import zipped
from test_code_live import needs_jail, organizer

from kit.client.expectation import fetch_expected
from kit.client.service import Client
from kit.client.sources import read_source
from kit.clock import utc_now
from kit.code_files import check_code
from kit.competition import load_competition
from kit.errors import InvalidCompetition, InvalidRequest
from kit.runner.ramp_facts import KEPT, kept_facts
from kit.service.hosting import Hosting
from kit.store import Store

pytest.importorskip("rampwf")
pytestmark = pytest.mark.timeout(900)

FOREST = ramp_kit.SUBMISSION.format(kind="Classifier")
BETTER = FOREST.replace("n_estimators=5", "n_estimators=30")
ADDRESS = "/competitions/kit/questions/q"


class Ramper(Team):
    """Someone who submits to the kit."""

    def send(self, content: str | bytes, filename: str = "estimator.py") -> int:
        answer = self.post(content, filename)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def post(self, content: str | bytes, filename: str) -> Any:
        return self.ask("POST", f"{ADDRESS}/submissions", params={"filename": filename}, content=content)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("ramp")
    kit = ramp_kit.write(folder / "kit")
    toml = kit / "competition.toml"
    toml.write_text(toml.read_text().replace('isolation = "none"', 'isolation = "isolated"'))
    with running([kit], folder / "store") as service:
        yield service


@needs_jail
def test_a_problem_is_hosted_and_its_submissions_are_judged_ranked_compared_and_exported(
    service: Service,
) -> None:
    ada, bob = Ramper(service, "ada"), Ramper(service, "bob")

    first, second = ada.send(FOREST), bob.send(BETTER)
    seen = [ada.judged(first), bob.judged(second)]

    assert [each["reasons"] for each in seen] == [[], []]
    assert [each["state"] for each in seen] == ["SCORED", "SCORED"]
    for each in seen:
        assert each["metric"] == "acc"
        assert each["score"]["public"].keys() == {"acc", "nll"}
        assert each["score"]["private"] is None
        public = each["score"]["public"]["acc"]
        assert public["low"] <= public["score"] <= public["high"]
        assert [fold["state"] for fold in each["code"]["folds"]] == ["done", "done"]
        assert each["code"]["folds"][0].keys() >= {"train", "valid"}
        assert each["code"]["folds"][0]["private"] is None
        assert each["code"]["bagged"].keys() == {"valid"}
        assert each["code"]["isolation"] == "isolated"
    board = ada.ask("GET", f"{ADDRESS}/leaderboard").json()
    assert board["greater_is_better"] is True
    assert {row["team"] for row in board["rows"]} == {"ada", "bob"}
    assert all(row["metrics"].keys() == {"acc", "nll"} for row in board["rows"])
    compared = ada.ask("GET", "/competitions/kit/compare", params={"a": first, "team": "bob"})
    assert compared.status_code == 200, compared.text
    assert compared.json()["metric"] == "acc"
    bob.headers = organizer(service)
    assert bob.see(second)["score"]["private"].keys() == {"acc", "nll"}
    exported = bob.ask("GET", "/competitions/kit/export", params={"what": "submissions", "format": "csv"})
    assert exported.status_code == 200, exported.text
    table = pd.read_csv(io.BytesIO(exported.content))
    assert table[["public_acc", "private_nll"]].notna().all(axis=None)
    assert len(below(service.process.pid, "ramp_process.py")) == 1, "a worker reads the problem once"


@needs_jail
def test_what_a_problem_asks_for_is_told_and_no_predictions_are(service: Service) -> None:
    eve = Ramper(service, "eve")

    (question,) = eve.ask("GET", "/competitions/kit").json()["questions"]
    expected = eve.ask("GET", f"{ADDRESS}/expected")
    refused = eve.post(b"row,y\n1,2\n", "predictions.csv")

    assert (question["title"], question["metric"]) == ("Wines", "acc")
    directions = {metric["name"]: metric["greater_is_better"] for metric in question["metrics"]}
    assert directions == {"acc": True, "nll": False}
    assert (question["kinds"], question["n_rows"], question["columns"]) == (["code"], None, [])
    assert question["code"]["entries"] == ["estimator.py"]
    assert (question["code"]["n_folds"], question["code"]["splitter"]) == (2, None)
    assert expected.status_code == 400
    assert "takes no predictions: submit code, estimator.py" in expected.text
    assert refused.status_code == 400
    assert "question 'q' takes code" in refused.text


@needs_jail
def test_a_folder_without_the_problem_s_files_is_refused_at_once(service: Service, tmp_path: Path) -> None:
    eve = Ramper(service, "ev2")
    content = zipped(tmp_path / "m.zip", {"model.py": FOREST}).read_bytes()

    refused = eve.post(content, "m.zip")

    assert refused.status_code == 400
    assert "'m.zip' needs 'estimator.py' at its top. It has 'model.py'." in refused.text


def test_a_problem_that_fails_keeps_the_service_from_starting_and_leaves_no_version(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit")
    (directory / "problem.py").write_text("raise RuntimeError('no wine left')\n")
    store = Store(tmp_path / "store")

    with pytest.raises(InvalidCompetition, match="no wine left") as caught:
        Hosting(store, [load_competition(directory)], utc_now)

    assert caught.value.problems[0].file == "problem.py"
    assert str(directory) in str(caught.value)
    assert store.versions.in_force("kit", "q") is None
    assert not list((tmp_path / "store").rglob("problem.py"))
    store.close()


def test_a_problem_without_labels_to_test_on_cannot_be_hosted(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit")
    problem = directory / "problem.py"
    problem.write_text(problem.read_text() + "    X, _ = _read(path, 'test.csv')\n    return X, None\n")
    problem.write_text(problem.read_text().replace('    return _read(path, "test.csv")\n', ""))
    store = Store(tmp_path / "store")

    with pytest.raises(InvalidCompetition, match="get_test_data gives no labels"):
        Hosting(store, [load_competition(directory)], utc_now)

    store.close()


def test_what_a_problem_says_of_itself_is_read_once_for_a_version(tmp_path: Path) -> None:
    directory = ramp_kit.write(tmp_path / "kit", question='metric = "problem.py:nll"\n')
    store = Store(tmp_path / "store")
    hosted = Hosting(store, [load_competition(directory)], utc_now)["kit"].questions["q"]
    copy = load_competition(store.versions.directory("kit", "q", hosted.version))
    kept = copy.directory / KEPT
    kept.write_text(kept.read_text().replace("Wines", "Vinegars"))

    again = Hosting(store, [load_competition(directory)], utc_now)["kit"].questions["q"]

    assert hosted.question.title == "Wines"
    assert again.question.title == "Vinegars"
    assert again.version == hosted.version
    assert again.question.metrics == ("nll", "acc")
    assert [metric.greater_is_better for metric in again.metrics] == [False, True]
    assert kept_facts(copy, copy.question[0]).n_folds == 2
    store.close()


def test_a_problem_that_wants_several_files_is_not_sent_one(tmp_path: Path) -> None:
    wanted = ["feature_extractor.py", "classifier.py"]
    (tmp_path / "classifier.py").write_text(FOREST)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "classifier.py").write_text(FOREST)
    asked = {"submission": "feature_extractor", "entries": wanted, "splitter": None}

    with pytest.raises(InvalidRequest, match=r"'a.py' is one file, and needed is 'feature_extractor.py' and"):
        check_code(tmp_path / "classifier.py", "a.py", wanted)
    with pytest.raises(InvalidRequest, match=r"is one file, and needed is .*: submit a folder of them"):
        read_source(tmp_path / "classifier.py", asked)
    with pytest.raises(InvalidRequest, match=r"'mine' needs 'feature_extractor.py'. It has 'classifier.py'."):
        read_source(folder, asked)


def test_there_is_no_form_of_predictions_to_ask_for() -> None:
    question = {"id": "q", "n_rows": None, "code": {"entries": ["estimator.py"]}}

    with pytest.raises(InvalidRequest, match=r"no predictions to check.* Submit code: estimator.py"):
        fetch_expected(Client("http://127.0.0.1:9"), "/competitions/kit", question)
