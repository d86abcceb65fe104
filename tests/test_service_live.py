from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import four
import httpx2
import pytest
from conftest import Clock, Serve
from live import listening
from served import COUNTS, Served

from kit.service.watch import MOST_AWAKE, Watch

BOARD = f"{COUNTS}/leaderboard"


@pytest.fixture
def url(service: Served) -> Iterator[str]:
    with listening(service) as url:
        yield f"{url}/api/v1"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def waiting(threads: ThreadPoolExecutor, address: str, person, etag: str, wait_s: float) -> Future:
    headers = {"Authorization": f"Bearer {person.token}", "If-None-Match": etag, "Prefer": f"wait={wait_s}"}
    future = threads.submit(httpx2.get, address, headers=headers, timeout=30)
    time.sleep(0.5)
    return future


def test_an_unchanged_answer_is_304_and_empty(service: Served) -> None:
    ada = service.sign_up("ada")
    number = ada.submit().json()["id"]
    paths = (BOARD, "/competitions/four/leaderboard", "/competitions/four/submissions")

    for path in (*paths, "/competitions/four/baselines", f"/submissions/{number}"):
        first = ada.get(path)
        again = ada.get(path, headers={"If-None-Match": f'"x", W/{first.headers["ETag"]}'})

        assert first.status_code == 200
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]


def test_the_leaderboard_is_the_same_bytes_for_everyone_and_after_a_restart(service: Served) -> None:
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    ada.submit()
    service.score(1.0)

    first, other = ada.get(BOARD), bob.get(BOARD)
    service.client.app.state.service.boards._kept.clear()
    later = ada.get(BOARD)

    assert first.content == other.content == later.content
    assert first.headers["ETag"] == other.headers["ETag"] == later.headers["ETag"]


def test_the_leaderboard_that_is_waited_for_comes_when_another_team_scores(
    service: Served, url: str, threads: ThreadPoolExecutor
) -> None:
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    etag = ada.get(BOARD).headers["ETag"]
    pending = waiting(threads, f"{url}{BOARD}", ada, etag, 20)
    bob.submit()

    started = time.monotonic()
    service.score(1.0)
    answer = pending.result()

    assert time.monotonic() - started < 1.5
    assert answer.status_code == 200
    assert [row["team"] for row in answer.json()["rows"]] == ["bob"]


def test_a_submission_that_is_waited_for_comes_when_it_is_judged(
    service: Served, url: str, threads: ThreadPoolExecutor
) -> None:
    ada = service.sign_up("ada")
    number = ada.submit().json()["id"]
    etag = ada.get(f"/submissions/{number}").headers["ETag"]
    pending = waiting(threads, f"{url}/submissions/{number}", ada, etag, 20)

    service.score(1.0)
    answer = pending.result()

    assert answer.json()["state"] == "SCORED"


def test_waiting_in_vain_ends_with_304_in_time(
    service: Served, url: str, threads: ThreadPoolExecutor
) -> None:
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]

    started = time.monotonic()
    answer = waiting(threads, f"{url}{BOARD}", ada, etag, 1.5).result()

    assert answer.status_code == 304
    assert 1.4 < time.monotonic() - started < 3


def test_what_the_client_does_not_have_comes_at_once(service: Served, url: str) -> None:
    ada = service.sign_up("ada")
    headers = {"Authorization": f"Bearer {ada.token}", "If-None-Match": '"old"', "Prefer": "wait=20"}

    started = time.monotonic()
    answer = httpx2.get(f"{url}{BOARD}", headers=headers)

    assert answer.status_code == 200
    assert time.monotonic() - started < 2


def test_the_closing_of_the_competition_wakes_who_waits(
    service: Served, url: str, threads: ThreadPoolExecutor, clock: Clock
) -> None:
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]
    pending = waiting(threads, f"{url}{BOARD}", ada, etag, 20)

    clock.now = four.CLOSES_AT
    answer = pending.result()

    assert answer.status_code == 200
    assert answer.json()["closed"]


def test_a_service_that_stops_does_not_wait_for_those_who_wait(service: Served) -> None:
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]
    with ThreadPoolExecutor(1) as threads:
        with listening(service) as url:
            pending = waiting(threads, f"{url}/api/v1{BOARD}", ada, etag, 25)
            started = time.monotonic()
        stopped_s = time.monotonic() - started
        pending.exception()

    assert stopped_s < 5


def test_beyond_the_cap_nobody_waits(service: Served) -> None:
    async def scenario() -> tuple[bool, bool, bool]:
        watch = Watch(service.store, max_waits=2, max_waits_each=1)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0.1)
        with watch.listen(["a"], 1):
            same, other = watch.may_wait(1), watch.may_wait(2)
            with watch.listen(["a"], 2):
                third = watch.may_wait(3)
        task.cancel()
        return same, other, third

    assert asyncio.run(scenario()) == (False, True, False)


def test_listeners_hear_of_their_topics_only_and_leave_nothing(service: Served) -> None:
    ada = service.sign_up("ada")

    async def scenario() -> tuple[bool, bool, dict]:
        watch = Watch(service.store)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0.1)
        with watch.listen(["submissions/four"], 1) as ours, watch.listen(["board/four/counts"], 1) as other:
            await asyncio.to_thread(ada.submit)
            await asyncio.wait_for(ours.wait(), 5)
            heard = ours.is_set(), other.is_set(), watch._listeners
        task.cancel()
        return heard

    ours, other, left = asyncio.run(scenario())

    assert (ours, other, left) == (True, False, {})


def test_a_hall_is_woken_in_turn_and_one_who_waits_alone_at_once(service: Served) -> None:
    async def scenario() -> list[tuple[int, bool]]:
        watch = Watch(service.store)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0.1)
        told = []
        with contextlib.ExitStack() as stack:
            hall = [stack.enter_context(watch.listen(["board"], k)) for k in range(100)]
            alone = stack.enter_context(watch.listen(["team/1"], 1000))
            for topic in ("board", "board", "team/1"):
                watch._wake(topic)
            told.append((sum(event.is_set() for event in hall), alone.is_set()))
            n_told = 0
            while n_told < len(hall):
                await asyncio.sleep(0.02)
                awake = [event for event in hall if event.is_set()]
                told.append((len(awake), alone.is_set()))
                for event in awake:
                    event.clear()
                n_told += len(awake)
            await asyncio.sleep(0.2)
            told.append((n_told + sum(event.is_set() for event in hall), alone.is_set()))
        task.cancel()
        return told

    first, *later, last = asyncio.run(scenario())

    assert (first, last) == ((0, True), (100, True))
    assert max(n for n, _ in later) <= MOST_AWAKE


def test_three_hundred_open_leaderboards_are_made_once_and_told_within_seconds(service: Served) -> None:
    people = [service.sign_up(f"p{n:02}") for n in range(10)]
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]
    ada.submit()
    n_reads = 0
    chosen = service.store.chosen

    def counted(n_tries: dict[int, int]):
        nonlocal n_reads
        n_reads += 1
        return chosen(n_tries)

    service.store.chosen = counted  # type: ignore[method-assign]

    async def scenario(url: str) -> tuple[set[bytes], float]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(timeout=30, limits=limits) as client:
            asking = []
            for n in range(300):
                headers = {"Authorization": f"Bearer {people[n % 10].token}"}
                headers |= {"If-None-Match": etag, "Prefer": "wait=20"}
                asking.append(asyncio.create_task(client.get(f"{url}/api/v1{BOARD}", headers=headers)))
            await asyncio.sleep(3)
            assert not any(task.done() for task in asking)
            nonlocal n_reads
            n_reads = 0
            await asyncio.to_thread(service.score, 1.0)
            scored_at = time.monotonic()
            answers = await asyncio.gather(*asking)
            return {answer.content for answer in answers}, time.monotonic() - scored_at

    with listening(service) as url:
        bodies, took_s = asyncio.run(scenario(url))

    assert len(bodies) == 1
    assert took_s < 6
    assert n_reads == 1


def test_metrics_count_and_name_nobody(service: Served) -> None:
    ada = service.sign_up("ada")
    ada.submit()
    ada.get("/competitions/four/questions/secret-name/leaderboard")

    text = service.client.get("/metrics").text

    route = "/api/v1/competitions/{slug}/questions/{question}/leaderboard"
    assert f'kit_requests_total{{method="GET",route="{route}",status="404"}} 1.0' in text
    assert 'kit_submissions{state="QUEUED"} 1.0' in text
    assert "kit_queue_length 1.0" in text
    assert "secret-name" not in text and "ada" not in text


def test_health_tells_whether_a_judge_was_seen(serve: Serve, clock: Clock) -> None:
    service = serve(workers=4)
    before = service.client.get("/healthz").json()
    service.store.queue.seen("judge-1", 1, now=clock())
    seen = service.client.get("/healthz").json()
    clock.now += timedelta(minutes=2)
    gone = service.client.get("/healthz").json()

    assert (before["workers"], seen["workers"], gone["workers"]) == (0, 4, 0)


def test_an_unexpected_error_is_an_incident_and_tells_nothing_else(
    service: Served, caplog: pytest.LogCaptureFixture
) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()
    service.store.blobs.directory.rename(service.store.directory / "gone")

    answer = ada.submit()
    facts = answer.json()["error"]
    incident = olga.get(f"/incidents/{facts['incident']}").json()

    assert answer.status_code == 500
    assert facts["class"] == "ServiceError"
    assert facts["message"] == f"The service failed. Quote incident {facts['incident']} to the organizers."
    assert str(service.store.directory) not in answer.text
    assert "FileNotFoundError" in incident["detail"]
    assert incident["where"] == "POST /api/v1/competitions/{slug}/questions/{question}/submissions"
    assert facts["incident"] in caplog.text
    assert ada.token is not None and ada.token not in caplog.text
