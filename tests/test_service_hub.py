"""A service of a JupyterHub, beside a small stand-in for the Hub that can be slow, away or ill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import four
import httpx2
import pytest
from conftest import Clock
from served import PASSWORD, Person, Served, scored, serving
from waiting import until

from kit.clock import to_text
from kit.errors import NotLoggedIn, OrganizerError, ServiceError
from kit.service import hub as hubs
from kit.service.hub import JupyterHub, Settings, settings_from
from kit.store import Store

SCOPE = "access:services!service=kit"


@dataclass
class Answers:
    """What the stand-in says to each token."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    goes_on: threading.Event = field(default_factory=threading.Event)
    """While it is not set, the stand-in hangs."""
    n_asked: int = 0
    n_at_once: int = 0
    most_at_once: int = 0
    exchanged: list[dict[str, str]] = field(default_factory=list)
    """What came with the codes of log-ins; the code ``c-ada`` is good for the token ``t-ada``, once."""

    def add(
        self, token: str, name: str, *groups: str, scopes: tuple[str, ...] = (SCOPE,), kind: str = "user"
    ) -> None:
        facts = {"kind": kind, "name": name, "groups": list(groups), "scopes": list(scopes), "admin": True}
        self.people[f"token {token}"] = facts


@contextlib.contextmanager
def standing_in(answers: Answers, *, timeout_s: float = 120.0) -> Iterator[Settings]:
    """A Hub; one that does not answer for so long counts as away."""
    counting = threading.Lock()
    answers.goes_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with counting:
                answers.n_asked += 1
                answers.n_at_once += 1
                answers.most_at_once = max(answers.most_at_once, answers.n_at_once)
            answers.goes_on.wait()
            with counting:
                answers.n_at_once -= 1
            facts = answers.people.get(self.headers["Authorization"])
            self.say(answers.status if facts else 403, facts or {"status": 403})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = dict(parse_qsl(sent))
            is_good = given["code"].startswith("c-") and all(
                given["code"] != each["code"] for each in answers.exchanged
            )
            answers.exchanged.append(given)
            told = {"access_token": f"t-{given['code'].removeprefix('c-')}"} if is_good else {"error": "bad"}
            self.say(200 if is_good else 400, told)

        def say(self, status: int, told: Any) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = 100

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hubs, "TIMEOUT_S", timeout_s)
            patch.setattr(hubs, "TURN_S", 2 * timeout_s)
            yield Settings(f"http://127.0.0.1:{server.server_port}/hub/api", prefix="/services/kit")
    finally:
        answers.goes_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def on_hub(tmp_path: Path, store: Store, clock: Clock, answers: Answers) -> Iterator[Any]:
    """Start a service of the Hub, on the competition with lines added to its [access]."""
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(standing_in(answers))

        def start(access: str = "") -> Served:
            competition = four.competition(tmp_path / "four", top=f"[access]\n{access}")
            hub = JupyterHub(settings)
            return stack.enter_context(serving(store, [competition], clock, hub=hub))  # type: ignore[arg-type]

        yield start


def person(served: Served, token: str) -> Person:
    return Person(served.client, "", token)


def test_people_are_known_by_their_name_at_the_hub_and_only_the_group_makes_an_organizer(
    on_hub: Any, answers: Answers
) -> None:
    answers.add("t-ada", "ada")
    answers.add("t-olga", "olga", "organizers")
    served = on_hub()

    ada, olga = (person(served, token).get("/me").json() for token in ("t-ada", "t-olga"))

    # Both are admins of the Hub.
    assert (ada["name"], ada["role"], ada["scopes"]) == ("ada", "participant", ["read", "submit"])
    assert (olga["name"], olga["role"]) == ("olga", "organizer")
    assert person(served, "t-ada").get("/users").status_code == 403
    assert person(served, "t-olga").get("/users").status_code == 200


def test_who_leaves_the_group_is_no_organizer_any_more(
    on_hub: Any, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "ACTING_S", 0.0)
    answers.add("t", "olga", "organizers")
    served = on_hub()
    assert person(served, "t").get("/users").status_code == 200

    answers.add("t", "olga")

    assert person(served, "t").get("/users").status_code == 403
    assert served.store.accounts.user("olga")["role"] == "participant"


def test_no_token_of_a_participant_is_kept(
    on_hub: Any, answers: Answers, store: Store, tmp_path: Path
) -> None:
    answers.add("secret-token-of-ada", "ada")
    served = on_hub()

    person(served, "secret-token-of-ada").submit()

    assert store.accounts.tokens(store.accounts.user("ada")["id"]) == []
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"secret-token" in path.read_bytes()]
    assert kept == []


def test_a_token_without_the_scope_is_refused_and_the_scope_is_named(on_hub: Any, answers: Answers) -> None:
    answers.add("t", "ada", scopes=("read:users:name!user=ada",))

    answer = person(on_hub(), "t").get("/me")

    assert answer.status_code == 403
    assert f"lacks the scope '{SCOPE}'" in answer.json()["error"]["message"]


def test_a_services_own_token_takes_no_part(on_hub: Any, answers: Answers) -> None:
    answers.add("t", "culler", scopes=("access:services",), kind="service")

    assert person(on_hub(), "t").get("/me").status_code == 403


def test_passwords_and_the_kits_own_tokens_do_nothing_on_a_hub(on_hub: Any, answers: Answers) -> None:
    served = on_hub()
    olga = served.organizer()

    assert olga.get("/me").status_code == 401
    assert served.nobody.post("/tokens", json={"name": "olga", "password": PASSWORD}).status_code == 403
    refused = served.nobody.post("/users", json={"name": "eve", "password": PASSWORD})
    assert refused.status_code == 403
    assert "KIT_TOKEN" in refused.json()["error"]["message"]
    answers.add("t-hugo", "hugo", "organizers")
    reset = person(served, "t-hugo").post("/users/hugo/password", json={})
    assert reset.status_code == 403
    assert "set the password of 'hugo' there" in reset.json()["error"]["message"]


def imported(served: Served, answers: Answers, people: list[dict[str, str]]) -> httpx2.Response:
    """What an organizer of the Hub is told of a list."""
    answers.add("t-hugo", "hugo", "organizers")
    return person(served, "t-hugo").post("/users/import", json={"users": people})


def test_people_imported_on_a_hub_get_teams_and_no_passwords(
    on_hub: Any, answers: Answers, store: Store
) -> None:
    served = on_hub()
    answers.add("t-ada", "ada")
    people = [
        {"name": "ada", "team": "owls", "competition": "four"},
        {"name": "bob", "password": "a password of his"},
    ]

    made = imported(served, answers, people).json()

    assert [(each["password"], each["created"], each["problem"]) for each in made] == [(None, True, None)] * 2
    assert store.accounts.user("bob")["password_hash"] is None
    assert person(served, "t-ada").get("/me").json()["name"] == "ada"
    assert [each["name"] for each in store.accounts.teams("four")] == ["owls"]


def test_whoever_is_in_a_list_is_known_by_any_name_that_the_hub_gives_them(
    on_hub: Any, answers: Answers, store: Store
) -> None:
    served = on_hub()
    answers.add("t-zoe", "zoë@example.org")
    answers.add("t-long", "x" * 255)
    names = ["Zoë@Example.org", "x" * 255]
    people = [{"name": name, "team": "owls", "competition": "four"} for name in names]

    made = imported(served, answers, people).json()
    me = person(served, "t-zoe").get("/me").json()

    assert [(each["created"], each["problem"]) for each in made] == [(True, None)] * 2
    assert me["name"] == "zoë@example.org"
    assert person(served, "t-long").get("/me").status_code == 200
    assert store.accounts.teams("four")[0]["members"] == ["x" * 255, "zoë@example.org"]


@pytest.mark.parametrize("name", ["a/b", "", "x" * 256, "ada\u200b", " ada"])
def test_a_name_that_no_hub_gives_is_refused_in_a_list(on_hub: Any, answers: Answers, name: str) -> None:
    answer = imported(on_hub(), answers, [{"name": name}])

    assert answer.status_code == 422
    assert "1 to 255 characters, none of them a slash or invisible" in answer.json()["error"]["message"]


def test_an_account_made_before_becomes_the_hubs_and_its_password_ends(
    on_hub: Any, answers: Answers, store: Store
) -> None:
    served = on_hub()
    served.organizer("olga")
    answers.add("t", "olga")

    me = person(served, "t").get("/me").json()

    assert me["role"] == "participant"
    assert store.accounts.user("olga")["password_hash"] is None
    assert all(token["revoked_at"] for token in store.accounts.tokens(store.accounts.user("olga")["id"]))


def test_it_is_written_down_by_the_hour_who_was_here(
    on_hub: Any, answers: Answers, store: Store, clock: Clock
) -> None:
    answers.add("t", "ada")
    served = on_hub()
    seen = []

    for hours in (0, 0.5, 1):
        clock.now += timedelta(hours=hours)
        assert person(served, "t").get("/me").status_code == 200
        seen.append(store.accounts.user("ada")["last_seen_at"])

    assert seen == [to_text(four.NOON), to_text(four.NOON), to_text(four.NOON + timedelta(hours=1.5))]


def test_names_that_differ_only_in_case_are_not_one_person(on_hub: Any, answers: Answers) -> None:
    answers.add("t1", "ada")
    answers.add("t2", "ADA")
    served = on_hub()
    assert person(served, "t1").get("/me").status_code == 200

    answer = person(served, "t2").get("/me")

    assert answer.status_code == 403
    assert "differ only in case" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["ada\u200b", "\u202eada", "\uff41da", "ada\u00a0", "a\x00da"])
def test_a_name_that_cannot_be_told_from_anothers_takes_no_part(
    on_hub: Any, answers: Answers, name: str
) -> None:
    answers.add("t", name)
    served = on_hub()

    answer = person(served, "t").get("/me")

    assert answer.status_code == 403
    assert f"The name {name!a} at the JupyterHub" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["Zoë", "o'brien", "日本", "a.b@c", "x" * 255])
def test_a_name_of_the_hub_may_be_long_and_in_any_script(on_hub: Any, answers: Answers, name: str) -> None:
    answers.add("t", name)
    answers.add("o", "olga", "organizers")
    served = on_hub()
    person(served, "t").post("/competitions/four/join", json={})

    found = person(served, "o").get("/competitions/four/submissions", params={"team": name})

    assert person(served, "t").get("/me").json()["name"] == name
    assert found.json() == []


def test_only_members_of_the_named_groups_take_part_and_only_while_they_are(
    on_hub: Any, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "ACTING_S", 0.0)
    answers.add("ada", "ada", "hall")
    answers.add("eve", "eve", "corridor")
    served = on_hub('signup = "hub"\nhub_groups = ["hall"]')

    assert person(served, "ada").submit().status_code == 201
    refused = person(served, "eve").submit()
    assert refused.status_code == 403
    assert "groups 'hall'" in refused.json()["error"]["message"]

    answers.add("ada", "ada")

    assert person(served, "ada").submit().status_code == 403
    assert person(served, "ada").get("/competitions/four/questions/counts/leaderboard").status_code == 403


def test_groups_become_teams(on_hub: Any, answers: Answers) -> None:
    answers.add("ada", "ada", "team-owls")
    answers.add("bob", "bob", "team-owls")
    answers.add("eve", "eve")
    answers.add("dan", "dan", "team-owls", "team-cats")
    served = on_hub('team_groups = "team-"')

    teams = [person(served, n).post("/competitions/four/join", json={}).json() for n in ("ada", "bob", "eve")]

    assert [team["team"] for team in teams] == ["owls", "owls", "eve"]
    refused = person(served, "dan").post("/competitions/four/join", json={})
    assert refused.status_code == 403
    assert "cats, owls" in refused.json()["error"]["message"]


def test_who_takes_the_name_of_a_groups_team_is_not_in_it(on_hub: Any, answers: Answers) -> None:
    answers.add("ada", "ada", "team-owls")
    answers.add("bob", "bob", "team-owls")
    answers.add("mallory", "mallory")
    answers.add("cats", "cats")
    answers.add("eve", "eve", "team-cats")
    served = on_hub('team_groups = "team-"')
    join = "/competitions/four/join"
    person(served, "mallory").post(join, json={"team": "Owls"})
    person(served, "cats").post(join, json={})

    ada, bob, eve = (person(served, name).post(join, json={}).json() for name in ("ada", "bob", "eve"))

    assert (ada["team"], bob["team"], eve["team"]) == ("owls-2", "owls-2", "cats-2")
    assert bob["members"] == ["ada", "bob"]
    assert person(served, "mallory").post(join, json={}).json()["members"] == ["mallory"]


def test_pages_and_routes_are_found_under_the_prefix_and_without(on_hub: Any, answers: Answers) -> None:
    answers.add("t", "ada")
    served = on_hub()

    for path in ("", "/", "/four", "/docs", "/docs/swagger-ui.css", "/api/v1/competitions", "/healthz"):
        assert served.client.get(f"/services/kit{path}").status_code == 200, path
    assert served.client.get("/healthz").status_code == 200
    assert 'href="/services/kit/four"' in served.client.get("/services/kit").text
    assert "kit.connect(&quot;four&quot;)" in served.client.get("/services/kit/four").text


@pytest.mark.parametrize("trouble", ["away", "ill", "slow"])
def test_a_hub_in_trouble_is_said_and_the_answer_is_worth_asking_again(
    on_hub: Any, answers: Answers, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "TIMEOUT_S", 0.3)
    answers.add("t", "ada")
    served = on_hub()
    hub = served.client.app.state.service.hub  # type: ignore[attr-defined]
    if trouble == "away":
        object.__setattr__(hub.settings, "api_url", "http://127.0.0.1:9/hub/api")
    answers.status = 502 if trouble == "ill" else 200
    if trouble == "slow":
        answers.goes_on.clear()

    answer = person(served, "t").get("/me")

    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "The JupyterHub does not answer; trying again"
    assert answer.headers["Retry-After"] == "2"
    assert served.client.get("/healthz").status_code == 200


def test_the_hub_is_asked_once_in_thirty_seconds_by_token_and_once_by_many_requests_at_a_time(
    answers: Answers,
) -> None:
    now = [100.0]
    answers.add("t", "ada")

    async def ask() -> None:
        hub = JupyterHub(settings, monotonic=lambda: now[0])
        names = {each.name for each in await asyncio.gather(*(hub.visitor("t") for _ in range(50)))}
        assert (names, answers.n_asked) == ({"ada"}, 1)
        now[0] += 20
        await hub.visitor("t")
        assert answers.n_asked == 1
        del answers.people["token t"]
        now[0] += 10
        with pytest.raises(NotLoggedIn, match="restart your server"):
            await hub.visitor("t")
        await hub.close()

    with standing_in(answers) as settings:
        asyncio.run(ask())


def test_who_only_reads_is_asked_for_in_minutes_and_who_acts_or_organizes_in_seconds(
    answers: Answers,
) -> None:
    now = [100.0]
    answers.add("t", "ada")
    answers.add("o", "olga", "organizers")

    async def asked(token: str, *, is_acting: bool = False) -> int:
        n_before = answers.n_asked
        await hub.visitor(token, is_acting=is_acting)
        await asyncio.gather(*hub._asking.values())
        return answers.n_asked - n_before

    async def ask() -> None:
        assert [await asked(token) for token in "to"] == [1, 1]
        now[0] += 31
        assert [await asked(token) for token in "to"] == [0, 1]
        assert await asked("t", is_acting=True) == 1
        now[0] += 104
        assert await asked("t") == 0
        now[0] += 47
        # Served by what is known, and asked for meanwhile.
        assert await asked("t") == 1
        assert await asked("t") == 0
        await hub.close()

    with standing_in(answers) as settings:
        hub = JupyterHub(settings, monotonic=lambda: now[0])
        asyncio.run(ask())


def test_while_the_hub_is_away_people_read_on_and_cannot_act_and_are_out_when_it_says_so(
    answers: Answers,
) -> None:
    now = [100.0]
    answers.add("t", "ada")

    async def ask() -> None:
        hub = JupyterHub(settings, monotonic=lambda: now[0])
        await hub.visitor("t")
        answers.status = 503
        now[0] += 200
        assert (await hub.visitor("t", is_acting=False)).name == "ada"
        with pytest.raises(ServiceError):
            await hub.visitor("t")
        assert (await hub.visitor("t", is_acting=False)).name == "ada"
        answers.status = 200
        del answers.people["token t"]
        with pytest.raises(NotLoggedIn):
            await hub.visitor("t")
        with pytest.raises(NotLoggedIn):
            await hub.visitor("t", is_acting=False)
        await hub.close()

    with standing_in(answers) as settings:
        asyncio.run(ask())


def test_a_hall_that_comes_in_at_once_waits_its_turn_at_a_slow_hub(answers: Answers) -> None:
    for k in range(100):
        answers.add(f"t{k}", f"p{k}")

    async def ask() -> None:
        hub = JupyterHub(settings)
        answers.goes_on.clear()
        asking = [asyncio.create_task(hub.visitor(f"t{k}")) for k in range(100)]
        await asyncio.to_thread(until, lambda: answers.n_at_once == hubs.N_ASKING)
        answers.goes_on.set()
        found = await asyncio.gather(*asking)
        assert [each.name for each in found] == [f"p{k}" for k in range(100)]
        assert answers.most_at_once <= hubs.N_ASKING
        await hub.close()

    with standing_in(answers) as settings:
        asyncio.run(ask())


def test_a_hub_that_hangs_keeps_no_hall_waiting(answers: Answers) -> None:
    async def ask() -> None:
        hub = JupyterHub(settings, monotonic=lambda: 100.0)
        answers.goes_on.clear()
        found = await asyncio.gather(*(hub.visitor(f"t{k}") for k in range(100)), return_exceptions=True)
        assert {type(each) for each in found} == {ServiceError}
        assert answers.n_asked <= hubs.N_ASKING
        await hub.close()

    with standing_in(answers, timeout_s=0.2) as settings:
        asyncio.run(ask())


def test_what_a_hub_refused_or_did_not_answer_is_asked_again(answers: Answers) -> None:
    async def ask() -> None:
        hub = JupyterHub(settings)
        with pytest.raises(NotLoggedIn):
            await hub.visitor("t")
        answers.add("t", "ada")
        answers.status = 503
        with pytest.raises(ServiceError):
            await hub.visitor("t")
        answers.status = 200
        assert (await hub.visitor("t")).name == "ada"
        await hub.close()

    with standing_in(answers) as settings:
        asyncio.run(ask())


def test_a_service_that_no_hub_started_says_so() -> None:
    with pytest.raises(OrganizerError, match=r"JUPYTERHUB_API_URL.*kit hub-config"):
        settings_from({}, "organizers")


def test_submissions_of_hub_users_are_scored_and_ranked(on_hub: Any, answers: Answers) -> None:
    answers.add("t", "ada")
    served = on_hub()

    person(served, "t").submit()
    served.judge(scored(0.5, 0.5))

    rows = person(served, "t").get("/competitions/four/questions/counts/leaderboard").json()["rows"]
    assert [(row["team"], row["rank"]) for row in rows] == [("ada", 1)]
