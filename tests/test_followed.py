"""Who follows a leaderboard is answered by a route of its own, which says what the documented one does."""

from __future__ import annotations

import httpx2
import pytest
from served import COUNTS, Served

from kit.service.auth import Scope

BOARD = f"{COUNTS}/leaderboard"
NOWHERE = "/competitions/nothing/questions/counts/leaderboard"
NO_QUESTION = "/competitions/four/questions/nothing/leaderboard"


def told(answer: httpx2.Response) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("ETag")


@pytest.mark.parametrize("path", [BOARD, f"{BOARD}?split=public", NOWHERE, NO_QUESTION])
@pytest.mark.parametrize("token", ["ada", "olga", "submit", "wrong", "none"])
def test_waiting_for_a_leaderboard_is_answered_as_asking_for_it(
    service: Served, path: str, token: str
) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()
    ada.submit()
    service.score(1.0)
    only_submit = service.token(service.store.accounts.user("ada"), Scope.SUBMIT)
    tokens = {"ada": ada.token, "olga": olga.token, "submit": only_submit, "wrong": "kit_x"}
    headers = {"Authorization": f"Bearer {tokens[token]}"} if token in tokens else {}

    asked = service.client.get(f"/api/v1{path}", headers=headers)
    followed = service.client.get(f"/api/v1{path}", headers={**headers, "Prefer": "wait=0.1"})

    assert told(followed) == told(asked)
    kept = {name: value for name, value in asked.headers.items() if name != "date"}
    assert {name: value for name, value in followed.headers.items() if name != "date"} == kept


def test_what_asks_for_more_than_the_whole_leaderboard_of_now_is_left_to_the_documented_route(
    service: Served,
) -> None:
    ada = service.sign_up("ada")

    private = ada.get(f"{BOARD}?split=private", headers={"Prefer": "wait=0.1"})
    wrong = ada.get(f"{BOARD}?limit=0", headers={"Prefer": "wait=0.1"})

    assert (private.status_code, wrong.status_code) == (403, 422)


def test_followers_are_counted_under_the_same_route(service: Served) -> None:
    ada = service.sign_up("ada")
    ada.get(BOARD, headers={"Prefer": "wait=0.1"})

    counted = service.client.get("/metrics").text

    route = "/api/v1/competitions/{slug}/questions/{question}/leaderboard"
    assert f'kit_requests_total{{method="GET",route="{route}",status="200"}} 1.0' in counted
