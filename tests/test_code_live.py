"""Code submitted to a real service: what is told of it, and what becomes of it when something dies."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import coding
import httpx2
import pytest
from coding import FAILING, GOOD, HELD, SLOW, Gate, Team, gone, is_running, judge_of, started, worker_of
from running import Service, running
from test_code_files import zipped
from waiting import until

from kit.runner.sandbox import Level, detect_isolation
from kit.service.auth import Scope, new_token
from kit.store import Store

needs_jail = pytest.mark.skipif(
    detect_isolation().level is not Level.ISOLATED, reason=f"no sandbox here: {detect_isolation().missing}"
)
pytestmark = [needs_jail, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("penguins")
    with running([coding.write(folder / "penguins")], folder / "data") as service:
        yield service


@pytest.fixture
def ada(service: Service, request: pytest.FixtureRequest) -> Team:
    return Team(service, f"ada{abs(hash(request.node.name)) % 10**8}")


def organizer(service: Service) -> dict[str, str]:
    """Headers of an organizer."""
    from kit.clock import utc_now

    store = Store(service.data)
    name = f"olga{len(store.accounts.users())}"
    user = store.accounts.add_user(name, password_hash=None, now=utc_now(), role="organizer")
    token = new_token(store, user, now=utc_now(), scopes=tuple(Scope)).text
    store.close()
    return {"Authorization": f"Bearer {token}"}


def test_code_is_run_on_all_folds_and_scored_as_kit_test_scores_it(
    service: Service, ada: Team, tmp_path: Path
) -> None:
    number = ada.send(GOOD)
    seen = ada.judged(number)
    ada.headers = organizer(service)
    exact = ada.see(number)
    (tmp_path / "estimator.py").write_text(GOOD)

    command = [sys.executable, "-m", "kit", "test", str(service.data.parent / "penguins"), "--json"]
    tested = subprocess.run(
        [*command, "--submission", str(tmp_path / "estimator.py")], capture_output=True, text=True, check=True
    )

    offline = json.loads(tested.stdout)
    offline = offline[0] if isinstance(offline, list) else offline
    assert seen["state"] == "SCORED"
    assert [fold["state"] for fold in seen["code"]["folds"]] == ["done"] * 3
    assert exact["code"]["mean"]["valid"] == pytest.approx(offline["mean"]["valid"], rel=1e-9)
    assert exact["code"]["bagged"]["valid"] == pytest.approx(offline["bagged"]["valid"], rel=1e-9)
    for mine, theirs in zip(exact["code"]["folds"], offline["folds"], strict=True):
        assert mine["valid"] == pytest.approx(theirs["valid"], rel=1e-9)
        assert mine["fit_s"] > 0 and mine["fit_cpu_s"] > 0 and mine["peak_bytes"] > 10_000_000
    bagged = {name: value["score"] for name, value in exact["score"]["public"].items()}
    assert bagged == pytest.approx(exact["code"]["bagged"]["test"], rel=1e-9)
    assert exact["code"]["isolation"] == "isolated"


def test_folds_are_told_as_they_go(service: Service, ada: Team) -> None:
    number, gate = ada.send(HELD), Gate(service)
    first = ada.wait(number, is_running)
    told = []

    for n in (1, 2):
        gate.let_one_go()
        told.append(ada.wait(number, lambda s, n=n: s["code"]["n_done"] == n and is_running(s)))
    final = gate.let_all_go(ada, number)

    assert [seen["code"]["n_done"] for seen in (first, *told, final)] == [0, 1, 2, 3]
    assert [seen["state"] for seen in (first, *told, final)] == ["RUNNING"] * 3 + ["SCORED"]
    assert all(fold["fit_s"] >= 1.5 for fold in final["code"]["folds"])
    assert all(fold["fit_cpu_s"] < 1.5 for fold in final["code"]["folds"])


def test_predictions_do_not_wait_for_code(ada: Team) -> None:
    slow = ada.send(SLOW.format(seconds=100))
    ada.wait(slow, is_running)
    predictions = (coding.PENGUINS / "data" / "sample_submission.csv").read_bytes()

    seen = ada.judged(ada.send(predictions, "p.csv"))

    assert seen["state"] == "SCORED"
    assert ada.see(slow)["state"] == "RUNNING"
    ada.ask("POST", f"/submissions/{slow}/cancel")
    assert ada.judged(slow)["verdict"] == "cancelled"


def test_what_runs_and_what_waits_is_cancelled_and_nothing_of_it_goes_on(service: Service, ada: Team) -> None:
    runs, waits = ada.send(SLOW.format(seconds=100)), ada.send(GOOD)
    ada.wait(runs, is_running)
    jails = started(service)
    assert ada.see(waits)["place_in_queue"] == 1

    first = ada.ask("POST", f"/submissions/{waits}/cancel").json()
    ada.ask("POST", f"/submissions/{runs}/cancel")
    seen = ada.wait(runs, lambda s: s["state"] == "REJECTED")

    assert (first["state"], first["verdict"]) == ("REJECTED", "cancelled")
    assert (seen["verdict"], seen["reasons"]) == ("cancelled", ["Cancelled by its team."])
    assert jails and gone(jails)
    assert sorted(ada.ledger()) == [-1, -1, 1, 1]
    assert ada.judged(ada.send(GOOD))["state"] == "SCORED"


def test_a_folder_of_modules_is_taken(ada: Team, tmp_path: Path) -> None:
    modules = {"mine/estimator.py": "from model import get_estimator\n", "mine/model.py": GOOD}
    content = zipped(tmp_path / "m.zip", modules).read_bytes()

    number = ada.send(content, "mine.zip")

    assert ada.judged(number)["state"] == "SCORED"
    files = {f["name"]: f["text"] for f in ada.ask("GET", f"/submissions/{number}/code").json()["files"]}
    assert files == {"estimator.py": modules["mine/estimator.py"], "model.py": GOOD}


def test_code_is_judged_again_with_a_new_truth(service: Service, ada: Team) -> None:
    number = ada.send(GOOD)
    before = ada.judged(number)
    (truth := service.data.parent / "penguins/private/truth.csv").write_text(
        truth.read_text().replace("81,male", "81,female")
    )
    headers, path = organizer(service), "/competitions/penguins/questions/sex/rejudge"
    own, ada.headers = ada.headers, headers
    ada.ask("POST", path, json={"submissions": None})
    ada.headers = own

    # All are judged again, those that wait at a gate too.
    after = Gate(service).let_all_go(ada, number, lambda s: s["rejudged"] is not None)

    assert before["state"] == after["state"] == "SCORED"
    assert after["score"]["public"] != before["score"]["public"]
    assert after["code"]["mean"]["valid"] == before["code"]["mean"]["valid"]
    assert after["code"]["bagged"]["test"] != before["code"]["bagged"]["test"]


def test_a_traceback_is_told_where_scores_are_hidden(tmp_path: Path) -> None:
    directory = coding.write(tmp_path / "penguins", phase='leaderboard = "hidden"')
    with running([directory], tmp_path / "data") as service:
        ada = Team(service, "ada")

        failed = ada.judged(number := ada.send(FAILING))
        scored = ada.judged(ada.send(GOOD))

        told = ada.ask("GET", f"/submissions/{number}/traceback")
    assert (failed["state"], failed["verdict"]) == ("REJECTED", "crashed")
    assert 'raise ValueError("no column wing")' in told.text and "looking for wings" in told.text
    assert "harness" not in told.text and str(tmp_path) not in told.text
    assert (scored["state"], scored["score"]) == ("SCORED", None)
    for seen in (failed, scored):
        folds = seen["code"]["folds"]
        assert all(fold[step] is None for fold in folds for step in ("train", "valid", "test", "private"))
        assert seen["code"]["mean"] is seen["code"]["bagged"] is None


def rows(service: Service, sql: str) -> list[tuple]:
    database = sqlite3.connect(service.data / "kit.db")
    found = database.execute(sql).fetchall()
    database.close()
    return found


@pytest.mark.slow
def test_whatever_is_killed_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    with running([coding.write(tmp_path / "penguins")], tmp_path / "data") as service:
        ada = Team(service, "ada")
        number, gate = ada.send(HELD), Gate(service)

        gate.let_one_go()
        ada.wait(number, lambda s: s["code"]["n_done"] >= 1)
        until(gate.waiting, within_s=120)
        jails = started(service)
        worker_of(service).kill()
        assert jails and gone(jails)
        until(gate.waiting, within_s=120)
        jails, judge = started(service), judge_of(service)
        judge.kill()
        assert jails and gone(jails)
        seen = gate.let_all_go(ada, number)

        assert seen["state"] == "SCORED"
        assert (seen["code"]["n_done"], seen["code"]["n_folds"]) == (3, 3)
        assert rows(service, "select count(*), count(distinct fold) from run") == [(3, 3)]
        assert rows(service, "select state, attempts from judgement") == [("SCORED", 3)]
        assert ada.ledger() == [-1]

        second = ada.send(HELD)
        ada.wait(second, is_running)
        jails = started(service)
        service.kill_all()
        assert jails and gone(jails)
        service.start()
        seen = gate.let_all_go(ada, second)

        assert seen["state"] == "SCORED"
        assert rows(service, "select count(*) from run") == [(6,)]
        assert rows(service, "select count(*) from judgement where state = 'SCORED'") == [(2,)]
        assert not (service.data / "scratch").exists() or not list((service.data / "scratch").iterdir())


@pytest.mark.slow
def test_a_submission_whose_worker_dies_three_times_is_our_error(tmp_path: Path) -> None:
    with running([coding.write(tmp_path / "penguins")], tmp_path / "data") as service:
        ada = Team(service, "ada")
        number, gate = ada.send(HELD), Gate(service)

        for _ in range(3):
            until(gate.waiting, within_s=120)
            jails = started(service)
            worker_of(service).kill()
            assert gone(jails)
        seen = ada.judged(number)
        after = ada.judged(ada.send(GOOD))

        assert (seen["state"], seen["reasons"]) == ("ERROR", [])
        assert seen["incident"]
        assert ada.ledger() == [-1, 1, -1]
        assert after["state"] == "SCORED"


def test_nothing_runs_when_the_service_is_stopped(tmp_path: Path) -> None:
    with running([coding.write(tmp_path / "penguins")], tmp_path / "data") as service:
        ada = Team(service, "ada")
        number = ada.send(SLOW.format(seconds=100))
        ada.wait(number, is_running)
        jails = started(service)

    assert jails and not any(jail.is_running() for jail in jails)
    assert rows(service, "select state, attempts from judgement") == [("QUEUED", 0)]


def test_code_is_not_run_with_less_isolation_than_its_question_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with running([coding.write(tmp_path / "penguins")], tmp_path / "data") as service:
        ada = Team(service, "ada")

        seen = ada.judged(ada.send(GOOD))

        health = httpx2.get(f"{service.url}/healthz", timeout=60).json()
        ada.headers = organizer(service)
        detail = ada.ask("GET", f"/incidents/{seen['incident']}").json()["detail"]
        log = service.log.read_text()
    assert (seen["state"], seen["reasons"]) == ("ERROR", [])
    assert health["isolation"] == "limited"
    assert "runs code only where it is 'isolated'" in detail
    assert "penguins/sex: code runs only 'isolated', and here it would be 'limited'" in log
