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
from served import COUNTS, Person, Served, scored
from waiting import until

from kit.service import waiting as waits
from kit.service import watch as watching
from kit.service.watch import MOST_AWAKE, Watch

BOARD = f"{COUNTS}/leaderboard"
FOREVER_S = 600.0
"""What comes by itself comes long before; clients give up after PATIENCE_S."""
PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait may do so until they are woken, and do not look by themselves."""
    monkeypatch.setattr(waits, "MAX_WAIT_S", FOREVER_S)
    monkeypatch.setattr(watching, "LOOK_S", FOREVER_S)


@pytest.fixture
def url(service: Served) -> Iterator[str]:
    with listening(service) as url:
        yield f"{url}/api/v1"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def ask(address: str, person: Person, etag: str, wait_s: float = FOREVER_S) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {person.token}", "If-None-Match": etag, "Prefer": f"wait={wait_s}"}
    return httpx2.get(address, headers=headers, timeout=PATIENCE_S)


def n_waiting(service: Served) -> int:
    return service.client.app.state.service.watch._waits.total()  # type: ignore[attr-defined]


def waiting(
    service: Served, threads: ThreadPoolExecutor, address: str, person: Person, etag: str
) -> Future[httpx2.Response]:
    """A request that is held by the service."""
    pending = threads.submit(ask, address, person, etag)
    until(lambda: n_waiting(service) == 1)
    return pending


async def started(watch: Watch) -> asyncio.Task[None]:
    task = asyncio.create_task(watch.run())
    while not watch.is_running:
        await asyncio.sleep(0.01)
    return task


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
    pending = waiting(service, threads, f"{url}{BOARD}", ada, etag)

    bob.submit()
    service.score(1.0)
    answer = pending.result()

    assert answer.status_code == 200
    assert [row["team"] for row in answer.json()["rows"]] == ["bob"]


def test_a_submission_that_is_waited_for_comes_when_it_is_judged(
    service: Served, url: str, threads: ThreadPoolExecutor
) -> None:
    ada = service.sign_up("ada")
    number = ada.submit().json()["id"]
    claim = service.store.queue.claim("w", now=four.NOON, lease_s=30)
    assert claim is not None
    etag = ada.get(f"/submissions/{number}").headers["ETag"]
    pending = waiting(service, threads, f"{url}/submissions/{number}", ada, etag)

    service.store.queue.finish(claim, scored(1.0, 1.0), now=four.NOON)
    answer = pending.result()

    assert answer.json()["state"] == "SCORED"


def test_waiting_in_vain_ends_with_304_in_time(service: Served, url: str) -> None:
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]

    began_at = time.monotonic()
    answer = ask(f"{url}{BOARD}", ada, etag, wait_s=1.5)

    assert answer.status_code == 304
    assert time.monotonic() - began_at > 1.4


def test_what_the_client_does_not_have_comes_at_once(service: Served, url: str) -> None:
    assert ask(f"{url}{BOARD}", service.sign_up("ada"), '"old"').status_code == 200


def test_the_closing_of_the_competition_wakes_who_waits(
    service: Served, url: str, threads: ThreadPoolExecutor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_S", 0.2)
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]
    pending = waiting(service, threads, f"{url}{BOARD}", ada, etag)

    clock.now = four.CLOSES_AT
    answer = pending.result()

    assert answer.status_code == 200
    assert answer.json()["closed"]


def test_a_service_that_stops_answers_those_who_wait(service: Served, threads: ThreadPoolExecutor) -> None:
    ada = service.sign_up("ada")
    etag = ada.get(BOARD).headers["ETag"]

    with listening(service) as url:
        pending = waiting(service, threads, f"{url}/api/v1{BOARD}", ada, etag)

    assert pending.result().status_code == 304


def test_beyond_the_cap_nobody_waits(service: Served) -> None:
    async def scenario() -> tuple[bool, bool, bool]:
        watch = Watch(service.store, max_waits=2, max_waits_each=1)
        task = await started(watch)
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
        task = await started(watch)
        with watch.listen(["submissions/four"], 1) as ours, watch.listen(["board/four/counts"], 1) as other:
            await asyncio.to_thread(ada.submit)
            await asyncio.wait_for(ours.wait(), PATIENCE_S)
            heard = ours.is_set(), other.is_set(), watch._listeners
        task.cancel()
        return heard

    ours, other, left = asyncio.run(scenario())

    assert (ours, other, left) == (True, False, {})


def test_a_hall_is_woken_in_turn_and_one_who_waits_alone_at_once(service: Served) -> None:
    async def scenario() -> list[tuple[int, bool]]:
        watch = Watch(service.store)
        task = await started(watch)
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
            assert not watch._due
            told.append((n_told + sum(event.is_set() for event in hall), alone.is_set()))
        task.cancel()
        return told

    first, *later, last = asyncio.run(scenario())

    assert (first, last) == ((0, True), (100, True))
    assert max(n for n, _ in later) <= MOST_AWAKE


def test_three_hundred_open_leaderboards_are_made_once_and_all_are_told(service: Served) -> None:
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

    async def scenario(url: str) -> set[bytes]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(timeout=2 * PATIENCE_S, limits=limits) as client:
            asking = []
            for n in range(300):
                headers = {"Authorization": f"Bearer {people[n % 10].token}"}
                headers |= {"If-None-Match": etag, "Prefer": f"wait={FOREVER_S}"}
                asking.append(asyncio.create_task(client.get(f"{url}/api/v1{BOARD}", headers=headers)))
            await asyncio.to_thread(until, lambda: n_waiting(service) == len(asking))
            nonlocal n_reads
            n_reads = 0
            await asyncio.to_thread(service.score, 1.0)
            return {answer.content for answer in await asyncio.gather(*asking)}

    with listening(service) as url:
        bodies = asyncio.run(scenario(url))

    assert len(bodies) == 1
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
