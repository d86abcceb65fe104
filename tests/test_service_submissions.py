from __future__ import annotations

import hashlib
import multiprocessing
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import four
import httpx2
import pytest
from conftest import Clock, Serve
from live import listening
from served import COUNTS, Served, failed, rejected

from kit.competition import question_version
from kit.errors import NotAllowed
from kit.store import Received, Store


def error(answer) -> dict:
    return answer.json()["error"]


def left_today(person) -> int:
    (limit,) = person.get("/competitions/four/limits").json()
    return limit["left_today"]


def test_a_submission_is_queued_then_scored(service: Served) -> None:
    ada = service.sign_up("ada")

    sent = ada.submit(four.PERFECT, note="forest")
    service.score(1.5)
    judged = ada.get(f"/submissions/{sent.json()['id']}").json()

    assert sent.status_code == 201
    assert (sent.json()["state"], sent.json()["place_in_queue"], sent.json()["left_today"]) == (
        "QUEUED",
        1,
        2,
    )
    assert (judged["state"], judged["place_in_queue"], judged["note"]) == ("SCORED", None, "forest")
    assert judged["score"]["public"]["mae"]["score"] == 1.5
    assert judged["score"]["private"] is None


def test_what_was_sent_is_kept_byte_for_byte(service: Served) -> None:
    ada = service.sign_up("ada")
    content = bytes(range(256)) * 20_000

    sent = ada.submit(content).json()
    kept = ada.get(f"/submissions/{sent['id']}/file")

    assert kept.content == content
    assert sent["sha256"] == hashlib.sha256(content).hexdigest()
    assert "attachment" in kept.headers["Content-Disposition"]


def test_an_empty_file_is_taken_and_left_to_the_judge(service: Served) -> None:
    assert service.sign_up("ada").submit(b"").status_code == 201


@pytest.mark.parametrize("name", ["../p.csv", "a/b.csv", "a\\b.csv", "", "a\nb.csv", "x" * 256])
def test_a_file_name_is_a_name_and_no_path(service: Served, name: str) -> None:
    ada = service.sign_up("ada")

    answer = ada.post(f"{COUNTS}/submissions", params={"filename": name}, content=b"x")

    assert answer.status_code == 422


def test_the_limit_of_a_day_is_refused_with_the_time_of_the_next(service: Served) -> None:
    ada = service.sign_up("ada")
    for _ in range(3):
        ada.submit()

    refused = ada.submit()

    assert refused.status_code == 429
    assert error(refused)["class"] == "NotAllowed"
    assert "2026-03-03 00:00:00 UTC" in error(refused)["message"]
    assert refused.headers["Retry-After"] == str(12 * 3600)


def test_an_error_of_the_service_is_given_back_and_tells_its_number_only(service: Served) -> None:
    ada = service.sign_up("ada")
    sent = ada.submit().json()

    service.judge(failed("the truth's third label is 30"))
    judged = ada.get(f"/submissions/{sent['id']}")
    ledger = ada.get("/competitions/four/ledger").json()

    assert judged.json()["state"] == "ERROR"
    assert judged.json()["incident"]
    assert "third label" not in judged.text
    assert [line["delta"] for line in ledger] == [-1, 1]
    assert left_today(ada) == 3


def test_a_rejected_submission_is_given_back_with_its_reasons(service: Served) -> None:
    ada = service.sign_up("ada")
    sent = ada.submit().json()

    service.judge(rejected("2 ids missing: 3, 4"))
    judged = ada.get(f"/submissions/{sent['id']}").json()

    assert (judged["state"], judged["verdict"]) == ("REJECTED", "invalid predictions")
    assert judged["reasons"] == ["2 ids missing: 3, 4"]
    assert left_today(ada) == 3


def test_a_rejected_submission_counts_where_the_phase_says_so(serve: Serve) -> None:
    service = serve(phase="daily_limit = 3\nrejected_count = true")
    ada = service.sign_up("ada")
    ada.submit()

    service.judge(rejected("empty"))

    assert left_today(ada) == 2


def test_the_same_key_makes_one_submission_even_over_the_limit(serve: Serve) -> None:
    service = serve(phase="daily_limit = 1")
    ada = service.sign_up("ada")

    first, again = ada.submit(key="k1"), ada.submit(key="k1")
    other = ada.submit(key="k2")

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 429)
    assert first.json()["id"] == again.json()["id"]
    assert len(ada.get("/competitions/four/submissions").json()) == 1


def test_keys_of_different_people_do_not_meet(service: Served) -> None:
    ada, bob = service.sign_up("ada"), service.sign_up("bob")

    assert ada.submit(key="k").json()["id"] != bob.submit(key="k").json()["id"]


def test_closing_is_exact_to_the_microsecond(service: Served, clock: Clock) -> None:
    ada = service.sign_up("ada")

    clock.now = four.CLOSES_AT - timedelta(microseconds=1)
    in_time = ada.submit()
    clock.now = four.CLOSES_AT
    late = ada.submit()

    assert in_time.status_code == 201
    assert late.status_code == 403
    assert "closed at 2026-03-08 18:00:00 UTC" in error(late)["message"]


def test_opening_is_exact_to_the_microsecond(service: Served, clock: Clock) -> None:
    clock.now = four.OPENS_AT - timedelta(microseconds=1)
    ada = service.sign_up("ada")

    early, data = ada.submit(), ada.get(f"{COUNTS}/data/train.csv")
    expected, board = ada.get(f"{COUNTS}/expected"), ada.get(f"{COUNTS}/leaderboard")
    clock.now = four.OPENS_AT

    assert [a.status_code for a in (early, data, expected, board)] == [403] * 4
    assert ada.submit().status_code == 201
    assert ada.get(f"{COUNTS}/data/train.csv").text == four.TRAIN


def test_a_file_whose_upload_outlasts_the_deadline_is_late(service: Served, clock: Clock) -> None:
    ada = service.sign_up("ada")
    clock.now = four.CLOSES_AT - timedelta(microseconds=1)

    def slowly() -> Iterator[bytes]:
        yield b"id,count\n"
        clock.now = four.CLOSES_AT
        yield b"1,2\n"

    assert ada.submit(slowly()).status_code == 403


def test_rules_come_first(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "four").mkdir()
    (tmp_path / "four/rules.md").write_text("Be kind.")
    service = serve(top='rules = "rules.md"')
    ada = service.sign_up("ada")

    refused = ada.submit()
    accepted = ada.post("/competitions/four/rules")

    assert refused.status_code == 403
    assert "rules" in error(refused)["message"]
    assert accepted.status_code == 204
    assert ada.submit().status_code == 201
    assert ada.get("/competitions/four").json()["me"]["rules_accepted"]


def test_a_hidden_phase_shows_no_score_until_the_competition_closes(serve: Serve, clock: Clock) -> None:
    service = serve(phase='leaderboard = "hidden"')
    ada, olga = service.sign_up("ada"), service.organizer()
    number = ada.submit().json()["id"]
    service.score(1.25, 7.75)

    mine, board = ada.get(f"/submissions/{number}").json(), ada.get(f"{COUNTS}/leaderboard").json()
    combined = ada.get("/competitions/four/leaderboard").json()
    organizers = olga.get(f"{COUNTS}/leaderboard").json()
    clock.now = four.CLOSES_AT
    after, board_after = ada.get(f"/submissions/{number}").json(), ada.get(f"{COUNTS}/leaderboard").json()

    assert (mine["state"], mine["score"]) == ("SCORED", None)
    assert (board["hidden"], board["rows"], combined["hidden"], combined["rows"]) == (True, [], True, [])
    assert [row["score"] for row in organizers["rows"]] == [1.25]
    assert after["score"]["private"]["mae"]["score"] == 7.75
    assert [row["score"] for row in board_after["rows"]] == [1.25]


def test_private_scores_show_from_the_microsecond_of_closing(service: Served, clock: Clock) -> None:
    ada = service.sign_up("ada")
    number = ada.submit().json()["id"]
    service.score(1.25, 7.75)
    board = f"{COUNTS}/leaderboard?split=private"

    clock.now = four.CLOSES_AT - timedelta(microseconds=1)
    before = ada.get(f"/submissions/{number}"), ada.get(board)
    clock.now = four.CLOSES_AT
    after = ada.get(f"/submissions/{number}"), ada.get(board)

    assert before[0].json()["score"]["private"] is None
    assert before[1].status_code == 403
    assert after[0].json()["score"]["private"]["mae"]["score"] == 7.75
    assert after[1].json()["rows"][0]["score"] == 7.75


def test_the_best_stands_first_and_a_baseline_has_no_rank(service: Served) -> None:
    ada, bob, olga = service.sign_up("ada"), service.sign_up("bob"), service.organizer()
    for person, score in ((ada, 3.0), (bob, 1.0), (ada, 2.0)):
        person.submit()
        service.score(score)
    olga.put(f"{COUNTS}/baselines/mean/predictions?note=all%2025", content=four.OFF_BY_TWO)
    service.score(1.5)

    rows = ada.get(f"{COUNTS}/leaderboard").json()["rows"]

    assert [(r["rank"], r["team"], r["score"], r["n_submissions"], r["baseline"]) for r in rows] == [
        (1, "bob", 1.0, 1, False),
        (None, "mean", 1.5, 1, True),
        (2, "ada", 2.0, 2, False),
    ]
    assert rows[1]["note"] == "all 25"
    assert rows[0]["members"] == ["bob"]


def test_the_selected_submission_decides_the_private_leaderboard(service: Served, clock: Clock) -> None:
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    numbers = []
    for public, private in ((1.0, 9.0), (2.0, 3.0)):
        numbers.append(ada.submit().json()["id"])
        service.score(public, private)
    theirs = bob.submit().json()["id"]
    service.score(1.0, 5.0)

    selected = ada.put(f"{COUNTS}/selection", json={"submissions": numbers[1:]})
    stolen = ada.put(f"{COUNTS}/selection", json={"submissions": [theirs]})
    many = ada.put(f"{COUNTS}/selection", json={"submissions": [*numbers, theirs]})
    clock.now = four.CLOSES_AT
    late = ada.put(f"{COUNTS}/selection", json={"submissions": []})
    rows = ada.get(f"{COUNTS}/leaderboard?split=private").json()["rows"]

    assert selected.json() == {"submissions": numbers[1:]}
    assert (stolen.status_code, many.status_code, late.status_code) == (400, 400, 403)
    assert [(r["team"], r["score"], r["shake_up"]) for r in rows] == [("ada", 3.0, 0), ("bob", 5.0, -1)]
    assert ada.get(f"{COUNTS}/selection").json() == {"submissions": numbers[1:]}


def test_looking_makes_no_team(service: Served) -> None:
    ada = service.sign_up("ada")

    for path in ("", "/limits", "/ledger", "/submissions", "/questions/counts/selection", "/baselines"):
        assert ada.get(f"/competitions/four{path}").status_code == 200

    assert service.store.accounts.teams("four") == []


def test_organizers_see_everyones_submissions_and_filter_by_team(service: Served) -> None:
    ada, bob, olga = service.sign_up("ada"), service.sign_up("bob"), service.organizer()
    ada.submit()
    bob.submit()
    service.score(1.0, 7.75)

    everyone = olga.get("/competitions/four/submissions").json()
    one = olga.get("/competitions/four/submissions?team=ADA").json()
    bobs = bob.get("/competitions/four/submissions?team=ada").json()

    assert [s["team"] for s in everyone] == ["bob", "ada"]
    assert [s["team"] for s in one] == ["ada"]
    assert one[0]["score"]["private"]["mae"]["score"] == 7.75
    assert [s["team"] for s in bobs] == ["bob"]


def test_two_at_once_cannot_both_take_the_last_submission(serve: Serve) -> None:
    service = serve(phase="daily_limit = 1")
    ada = service.sign_up("ada")
    start = threading.Barrier(8)

    def race(_: int) -> int:
        start.wait()
        return int(ada.submit().status_code)

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(race, range(8)))

    assert statuses == [201] + [429] * 7


def test_two_services_on_one_store_cannot_both_give_the_last_submission(store: Store, tmp_path: Path) -> None:
    competition = four.competition(tmp_path / "four", phase="daily_limit = 1")
    user = store.accounts.add_user("ada", password_hash=None, now=four.NOON)
    team = store.accounts.join("four", user, now=four.NOON)
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(4), context.Queue()
    given = (store.directory, competition.directory, team["id"], user["id"], start, answers)
    processes = [context.Process(target=_take_last, args=given) for _ in range(4)]

    for process in processes:
        process.start()
    taken = sorted(answers.get(timeout=240) for _ in processes)
    for process in processes:
        process.join()

    assert taken == ["refused", "refused", "refused", "taken"]


def _take_last(directory: Path, competition_dir: Path, team_id: int, user_id: int, start, answers) -> None:
    competition = four.competition(competition_dir, phase="daily_limit = 1")
    store, question = Store(directory), competition.question[0]
    version = question_version(competition, question)
    received = Received("0" * 64, 1, "p.csv")
    start.wait()
    try:
        store.submissions.add(
            competition, question, received, team_id=team_id, user_id=user_id, version=version, now=four.NOON
        )
        answers.put("taken")
    except NotAllowed:
        answers.put("refused")


def left_behind(service: Served) -> list[Path]:
    return [path for path in service.store.blobs.directory.rglob("*") if path.is_file()]


def test_a_file_over_the_limit_is_refused_by_its_announced_size(serve: Serve) -> None:
    service = serve(top="[limits]\nmax_mb = 1")
    ada = service.sign_up("ada")

    refused = ada.submit(b"x" * 1_000_001)

    assert refused.status_code == 413
    assert error(refused)["class"] == "InvalidPredictions"
    assert error(refused)["question"] == "counts"
    assert "1000001 bytes; the limit is 1 MB (1000000 bytes)" in error(refused)["problems"][0]
    assert left_behind(service) == []
    assert left_today(ada) == 3


def test_a_file_over_the_limit_is_refused_while_it_streams_and_never_held(serve: Serve) -> None:
    service = serve(top="[limits]\nmax_mb = 50")
    ada = service.sign_up("ada")
    megabytes = (b"x" * 1_000_000 for _ in range(400))

    with listening(service) as url:
        tracemalloc.start()
        refused = httpx2.post(
            f"{url}/api/v1{COUNTS}/submissions?filename=p.csv",
            content=megabytes,
            headers={"Authorization": f"Bearer {ada.token}"},
            timeout=60,
        )
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert refused.status_code == 413
    assert peak_bytes < 20_000_000
    assert left_behind(service) == []


def test_a_client_that_goes_away_leaves_nothing(service: Served) -> None:
    ada = service.sign_up("ada")

    def broken() -> Iterator[bytes]:
        yield b"x" * 3_000_000
        raise RuntimeError("the cable was pulled")

    with listening(service) as url, pytest.raises(RuntimeError):
        httpx2.post(
            f"{url}/api/v1{COUNTS}/submissions?filename=p.csv",
            content=broken(),
            headers={"Authorization": f"Bearer {ada.token}"},
            timeout=60,
        )

    assert left_behind(service) == []
    assert ada.get("/competitions/four/submissions").json() == []
    assert left_today(ada) == 3


def test_who_may_not_submit_is_told_so_before_a_byte_of_the_file(service: Served) -> None:
    ada = service.sign_up("ada")
    for _ in range(3):
        ada.submit()
    head = (
        f"POST /api/v1{COUNTS}/submissions?filename=p.csv HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {ada.token}\r\nContent-Length: 1000000\r\n\r\n"
    )

    with listening(service) as url, socket.create_connection(("127.0.0.1", urlsplit(url).port)) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 429 ")


def test_a_team_keeps_its_score_until_the_rejudgement_is_made(service: Served) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()
    number = ada.submit().json()["id"]
    service.score(1.0)

    n = olga.post(f"{COUNTS}/rejudge", json={}).json()["n"]
    waiting = ada.get(f"/submissions/{number}").json()["state"]
    service.score(2.0)

    assert (n, waiting) == (1, "SCORED")
    assert ada.get(f"/submissions/{number}").json()["score"]["public"]["mae"]["score"] == 2.0
    assert ada.get(f"{COUNTS}/leaderboard").json()["rows"][0]["score"] == 2.0
