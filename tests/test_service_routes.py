"""Every route, asked by everyone: what they are answered, and that nothing secret is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import four
import pytest
from conftest import Clock
from served import COUNTS, PASSWORD, Person, Served, failed, ran, scored, serving

from kit.service.auth import Scope
from kit.store import Store
from kit.submission import Kind, State

ROLES = ("nobody", "ada", "bob", "olga")
"""Nobody; ada, who submitted; bob, of another team; olga, an organizer."""

LABELS = ("31337.25", "27182.75", "14142.25", "16180.75")
PUBLIC, PRIVATE = 2718.28125, 3141.59375
ADAS_FILE = b"id,count\n1,777001\n2,777002\n3,777003\n4,777004\n"
ADAS_NOTE = "adas-note-e5c1"
DETAIL = "detail-of-the-incident-9d2f"
ADAS_CODE = b"adas_secret_model = 'ada-model-77aa'\n"
ADAS_TRACEBACK = "adas-traceback-55bb"
ADAS_NOTEBOOK = "adas-notebook-19ce"
ALL_ROWS = 1414.21875
FOLD = {"train": 1.25, "valid": 2236.5, "public": 1618.03125, "private": 1732.0625, "test": ALL_ROWS}
"""Scores of a fold of ada's code, by step."""
EMAIL = {"ada": "ada@mail-3f1.example", "bob": "bob@mail-7a2.example"}

# For each route: the address (or what makes it), what is sent, and the statuses for ROLES in their order.
ROUTES: dict[str, tuple[str, dict, tuple[int, int, int, int]]] = {
    "GET /healthz": ("/healthz", {}, (200, 200, 200, 200)),
    "GET /metrics": ("/metrics", {}, (200, 200, 200, 200)),
    "GET /": ("/", {}, (200, 200, 200, 200)),
    "GET /{slug}": ("/four", {}, (200, 200, 200, 200)),
    "GET /{slug}/leaderboard": ("/four/leaderboard", {}, (403, 403, 403, 403)),
    "GET /{slug}/leaderboard for everyone": ("/open/leaderboard", {}, (200, 200, 200, 200)),
    "GET /live.js": ("/live.js", {}, (200, 200, 200, 200)),
    "GET /docs": ("/docs", {}, (200, 200, 200, 200)),
    "GET /docs/start.js": ("/docs/start.js", {}, (200, 200, 200, 200)),
    "GET /docs/swagger-ui-bundle.js": ("/docs/swagger-ui-bundle.js", {}, (200, 200, 200, 200)),
    "GET /docs/swagger-ui.css": ("/docs/swagger-ui.css", {}, (200, 200, 200, 200)),
    "GET /api/v1/openapi.json": ("/api/v1/openapi.json", {}, (200, 200, 200, 200)),
    "POST /api/v1/users": (
        "/api/v1/users",
        {"json": {"name": "new", "password": PASSWORD}},
        (201, 201, 201, 201),
    ),
    "POST /api/v1/tokens": (
        "/api/v1/tokens",
        {"json": {"name": "carol", "password": PASSWORD}},
        (201, 201, 201, 201),
    ),
    "GET /api/v1/tokens": ("/api/v1/tokens", {}, (401, 200, 200, 200)),
    "DELETE /api/v1/tokens/{number}": ("/api/v1/tokens/{adas_token}", {}, (401, 204, 404, 404)),
    "DELETE /api/v1/tokens/current": ("/api/v1/tokens/current", {}, (401, 204, 204, 204)),
    "GET /api/v1/me": ("/api/v1/me", {}, (401, 200, 200, 200)),
    "GET /api/v1/competitions": ("/api/v1/competitions", {}, (200, 200, 200, 200)),
    "GET /api/v1/competitions/{slug}": ("/api/v1/competitions/four", {}, (200, 200, 200, 200)),
    "POST /api/v1/competitions/{slug}/join": (
        "/api/v1/competitions/four/join",
        {"json": {}},
        (401, 200, 200, 200),
    ),
    "POST /api/v1/competitions/{slug}/rules": ("/api/v1/competitions/four/rules", {}, (401, 204, 204, 204)),
    "GET /api/v1/competitions/{slug}/questions/{question}/data/{name}": (
        f"/api/v1{COUNTS}/data/train.csv",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/shared": (
        f"/api/v1{COUNTS}/shared",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/expected": (
        f"/api/v1{COUNTS}/expected",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/limits": ("/api/v1/competitions/four/limits", {}, (401, 200, 200, 200)),
    "GET /api/v1/competitions/{slug}/ledger": ("/api/v1/competitions/four/ledger", {}, (401, 200, 200, 200)),
    "POST /api/v1/competitions/{slug}/questions/{question}/submissions": (
        f"/api/v1{COUNTS}/submissions?filename=p.csv",
        {"content": four.PERFECT},
        (401, 201, 201, 201),
    ),
    "GET /api/v1/competitions/{slug}/submissions": (
        "/api/v1/competitions/four/submissions?team=ada",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/submissions/{number}": ("/api/v1/submissions/{adas}", {}, (401, 200, 404, 200)),
    "GET /api/v1/submissions/{number}/traceback": (
        "/api/v1/submissions/{adas_code}/traceback",
        {},
        (401, 200, 404, 200),
    ),
    "GET /api/v1/submissions/{number}/notebook": (
        "/api/v1/submissions/{adas_code}/notebook",
        {},
        (401, 200, 404, 200),
    ),
    "GET /api/v1/submissions/{number}/code": (
        "/api/v1/submissions/{adas_code}/code",
        {},
        (401, 200, 404, 200),
    ),
    "GET /api/v1/submissions/{number} code": ("/api/v1/submissions/{adas_code}", {}, (401, 200, 404, 200)),
    "GET /api/v1/submissions/{number}/credits": (
        "/api/v1/submissions/{adas_code}/credits",
        {},
        (401, 200, 404, 200),
    ),
    "PUT /api/v1/submissions/{number}/credits": (
        "/api/v1/submissions/{adas_code}/credits",
        {"json": {"to": []}},
        (401, 200, 404, 403),
    ),
    "POST /api/v1/submissions/{number}/cancel": (
        "/api/v1/submissions/{adas_waiting}/cancel",
        {},
        (401, 200, 404, 200),
    ),
    "GET /api/v1/submissions/{number}/file": ("/api/v1/submissions/{adas}/file", {}, (401, 200, 404, 200)),
    "GET /api/v1/competitions/{slug}/questions/{question}/selection": (
        f"/api/v1{COUNTS}/selection",
        {},
        (401, 200, 200, 200),
    ),
    "PUT /api/v1/competitions/{slug}/questions/{question}/selection": (
        f"/api/v1{COUNTS}/selection",
        {"json": {"submissions": ["{adas}"]}},
        (401, 200, 400, 400),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/leaderboard": (
        f"/api/v1{COUNTS}/leaderboard",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/leaderboard private": (
        f"/api/v1{COUNTS}/leaderboard?split=private",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/leaderboard for everyone": (
        "/api/v1/competitions/open/questions/counts/leaderboard",
        {},
        (200, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/leaderboard for everyone, private": (
        "/api/v1/competitions/open/questions/counts/leaderboard?split=private",
        {},
        (403, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/leaderboard for everyone, of submissions": (
        "/api/v1/competitions/open/questions/counts/leaderboard?per=submission",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/leaderboard for everyone, as it was": (
        "/api/v1/competitions/open/questions/counts/leaderboard?at=2026-03-02T11:00:00Z",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/leaderboard for everyone": (
        "/api/v1/competitions/open/leaderboard",
        {},
        (200, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/data/{name} for everyone": (
        "/api/v1/competitions/open/questions/counts/data/train.csv",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/leaderboard": (
        "/api/v1/competitions/four/leaderboard",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/leaderboard private": (
        "/api/v1/competitions/four/leaderboard?split=private",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/compare": (
        "/api/v1/competitions/four/compare?a={adas}&b={adas}",
        {},
        (401, 400, 404, 400),
    ),
    "GET /api/v1/competitions/{slug}/compare team": (
        "/api/v1/competitions/four/compare?a={adas}&team=mean",
        {},
        (401, 400, 404, 400),
    ),
    "GET /api/v1/competitions/{slug}/compare private": (
        "/api/v1/competitions/four/compare?a={adas}&b={adas}&split=private",
        {},
        (401, 403, 403, 400),
    ),
    "GET /api/v1/competitions/{slug}/baselines": (
        "/api/v1/competitions/four/baselines",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/baselines/{name}/notebook": (
        f"/api/v1{COUNTS}/baselines/mean/notebook",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/questions/{question}/baselines/{name}/notebook failed": (
        f"/api/v1{COUNTS}/baselines/broken/notebook",
        {},
        (401, 404, 404, 200),
    ),
    "PUT /api/v1/competitions/{slug}/questions/{question}/baselines/{name}/notebook": (
        f"/api/v1{COUNTS}/baselines/mean/notebook?state=ok",
        {"content": b"{}"},
        (401, 403, 403, 204),
    ),
    "PUT /api/v1/competitions/{slug}/questions/{question}/baselines/{name}/predictions": (
        f"/api/v1{COUNTS}/baselines/mean/predictions",
        {"content": four.PERFECT},
        (401, 403, 403, 201),
    ),
    "GET /api/v1/users": ("/api/v1/users?competition=four", {}, (401, 403, 403, 200)),
    "POST /api/v1/users/import": ("/api/v1/users/import", {"json": {"users": []}}, (401, 403, 403, 200)),
    "POST /api/v1/users/{name}/password": (
        "/api/v1/users/carol/password",
        {"json": {}},
        (401, 403, 403, 200),
    ),
    "POST /api/v1/users/{name}/disabled": (
        "/api/v1/users/carol/disabled",
        {"json": {"disabled": True}},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/teams": ("/api/v1/competitions/four/teams", {}, (401, 403, 403, 200)),
    "GET /api/v1/competitions/{slug}/similar": (
        "/api/v1/competitions/four/similar",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/probing": (
        "/api/v1/competitions/four/probing",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/queue": ("/api/v1/queue", {}, (401, 403, 403, 200)),
    "GET /api/v1/incidents/{incident}": ("/api/v1/incidents/{incident}", {}, (401, 403, 403, 200)),
    "POST /api/v1/competitions/{slug}/questions/{question}/rejudge": (
        f"/api/v1{COUNTS}/rejudge",
        {"json": {}},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/rejudges": (
        "/api/v1/competitions/four/rejudges",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/rejudges/{number}": (
        "/api/v1/competitions/four/rejudges/1",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/rejudges/{number}/report": (
        "/api/v1/competitions/four/rejudges/1/report?split=private",
        {},
        (401, 403, 403, 200),
    ),
    "DELETE /api/v1/competitions/{slug}/rejudges/{number}": (
        "/api/v1/competitions/four/rejudges/2",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/versions": (
        "/api/v1/competitions/four/versions",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/notices": (
        "/api/v1/competitions/four/notices",
        {},
        (401, 200, 200, 200),
    ),
    "GET /api/v1/competitions/{slug}/export": (
        "/api/v1/competitions/four/export?what=submissions",
        {},
        (401, 403, 403, 200),
    ),
    "GET /api/v1/competitions/{slug}/export private": (
        "/api/v1/competitions/four/export?what=leaderboard&split=private&format=parquet",
        {},
        (401, 403, 403, 200),
    ),
}


@pytest.fixture
def world(tmp_path: Path, store: Store, clock: Clock) -> Iterator[Served]:
    """A competition under way, full of things that are not everyone's; and one that shows its leaderboard."""
    directory = four.write(tmp_path / "four", question=four.CODE, phase="daily_limit = 50")
    splits = ("public", "public", "private", "private")
    rows = [f"{i},{label},{split}" for i, (label, split) in enumerate(zip(LABELS, splits, strict=True), 1)]
    (directory / "private/truth.csv").write_text("\n".join(["id,count,split", *rows]) + "\n")
    shown = four.write(tmp_path / "open", slug="open", top='[access]\nleaderboard = "everyone"')
    competitions = [four.load_competition(each) for each in (directory, shown)]
    with serving(store, competitions, clock) as service:
        for name in ("ada", "bob"):
            service.people[name] = service.sign_up(name, email=EMAIL[name])
        service.people |= {"nobody": service.nobody, "olga": service.organizer()}
        service.sign_up("carol")
        _fill(service)
        yield service


def _fill(service: Served) -> None:
    ada, bob, olga = (service.people[name] for name in ("ada", "bob", "olga"))
    ada.submit(ADAS_FILE, note=ADAS_NOTE)
    service.score(PUBLIC, PRIVATE)
    bob.submit()
    service.judge(failed(DETAIL))
    olga.put(f"{COUNTS}/baselines/mean/predictions", content=four.OFF_BY_TWO)
    service.score(PUBLIC + 1, PRIVATE + 1)
    olga.put(f"{COUNTS}/baselines/mean/notebook?state=ok", content=b'{"cells": []}')
    broken = f"{COUNTS}/baselines/broken/notebook?state=failed&cell=3&error={DETAIL}"
    olga.put(broken, content=DETAIL.encode())
    ada.submit(ADAS_FILE, note=ADAS_NOTE)
    service.score(PUBLIC, PRIVATE)
    olga.post(f"{COUNTS}/rejudge", json={"submissions": [1], "reason": "a wrong label"})
    service.score(PUBLIC, PRIVATE)
    olga.post(f"{COUNTS}/rejudge", json={"dry_run": True})
    ada.post(f"{COUNTS}/submissions?filename=model.py", content=ADAS_CODE)
    executed = service.store.directory / "executed.ipynb"
    executed.write_text(ADAS_NOTEBOOK)
    files = {"notebook": executed}
    service.judge(ran(scored(PUBLIC, PRIVATE), FOLD, traceback=ADAS_TRACEBACK, files=files))
    ada.submit(ADAS_FILE)


def ask(service: Served, role: str, route: str):
    """Ask a route with a token made for it, so that one route may revoke it."""
    address, given, _ = ROUTES[route]
    person = service.people[role]
    (bobs_error,) = service.store.queue.listing([State.ERROR])
    (adas_token,) = service.store.accounts.tokens(service.store.accounts.user("ada")["id"])[:1]
    code = next((s.id for s in service.store.submissions.list("four") if s.kind is Kind.CODE), 99)
    known = {"adas_code": str(code), "adas_waiting": str(code + 1)}
    known |= {"adas": "1", "incident": bobs_error["incident"], "adas_token": str(adas_token["id"])}
    for name, value in known.items():
        address = address.replace("{" + name + "}", value)
    if given.get("json") == {"submissions": ["{adas}"]}:
        given = {"json": {"submissions": [1]}}
    token = None
    if role != "nobody":
        scopes = tuple(Scope) if role == "olga" else (Scope.READ, Scope.SUBMIT)
        token = service.token(service.store.accounts.user(person.name), *scopes)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return service.client.request(route.split()[0], address, headers=headers, **given)


def all_routes(service: Served) -> set[str]:
    found = set()
    for mounted in service.client.app.routes:
        for route in getattr(getattr(mounted, "original_router", None), "routes", [mounted]):
            found |= {f"{m} {route.path}" for m in route.methods - {"HEAD"}}
    return found


def secrets_of(service: Served, role: str) -> dict[str, bytes]:
    """What must not be in an answer to a role, while the competition is open."""
    found = {f"label {label}": label.encode() for label in LABELS}
    found |= {"password hash": b"$argon2", "folder": str(service.store.directory).encode()}
    found |= {"competition's folder": str(service.competitions[0].directory).encode()}
    found |= {"a score on all rows of the truth": str(ALL_ROWS).encode()}
    if role == "olga":
        return found
    found |= {"private score": str(PRIVATE).encode(), "baseline's private score": str(PRIVATE + 1).encode()}
    found |= {"detail": DETAIL.encode()}
    found |= {"private score of a fold": str(FOLD["private"]).encode()}
    found |= {f"address of {name}": email.encode() for name, email in EMAIL.items() if name != role}
    if role != "ada":
        found |= {"ada's file": ADAS_FILE[9:], "ada's note": ADAS_NOTE.encode()}
        found |= {"ada's code": ADAS_CODE[:19], "ada's traceback": ADAS_TRACEBACK.encode()}
        found |= {"ada's notebook as it ran": ADAS_NOTEBOOK.encode()}
        found |= {"ada's fold": str(FOLD["valid"]).encode(), "its test": str(FOLD["public"]).encode()}
        found |= {"its hash": service.store.submissions.get(1).sha256.encode()}
    if role == "nobody":
        found |= {"public score": str(PUBLIC).encode()}
    return found


def test_the_table_names_every_route(world: Served) -> None:
    assert {" ".join(route.split()[:2]) for route in ROUTES} == all_routes(world)


def test_every_documented_route_is_in_the_table(world: Served) -> None:
    paths = world.client.get("/api/v1/openapi.json").json()["paths"]

    documented = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    assert documented <= {" ".join(route.split()[:2]) for route in ROUTES}


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_as_the_table_says(world: Served, role: str) -> None:
    wanted = {route: statuses[ROLES.index(role)] for route, (_, _, statuses) in ROUTES.items()}

    got = {route: ask(world, role, route).status_code for route in ROUTES}

    assert got == wanted


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_holds_what_is_not_the_askers_to_know(world: Served, role: str) -> None:
    secrets = secrets_of(world, role)

    leaks = []
    for route in ROUTES:
        answer = ask(world, role, route)
        seen = answer.content + str(answer.headers).encode()
        leaks += [f"{route}: {name}" for name, secret in secrets.items() if secret in seen]

    assert leaks == []


def test_the_search_for_secrets_finds_them_where_they_may_be(world: Served) -> None:
    ada, olga = world.people["ada"], world.people["olga"]

    assert ADAS_FILE[9:] in ada.get("/submissions/1/file").content
    assert str(PRIVATE) in olga.get("/submissions/1").text
    assert EMAIL["ada"] in olga.get("/users").text
    assert DETAIL in olga.get("/queue").text or DETAIL in olga.get("/competitions/four/baselines").text
    assert str(PUBLIC) in ada.get(f"{COUNTS}/leaderboard").text
    number = next(s["id"] for s in ada.get("/competitions/four/submissions").json() if s["kind"] == "code")
    assert str(FOLD["public"]) in ada.get(f"/submissions/{number}").text
    assert str(FOLD["private"]) in olga.get(f"/submissions/{number}").text
    assert ADAS_TRACEBACK in ada.get(f"/submissions/{number}/traceback").text
    assert ADAS_CODE.decode().strip() in ada.get(f"/submissions/{number}/code").json()["files"][0]["text"]


def test_the_process_holds_no_labels(world: Served) -> None:
    hosted = world.client.app.state.service.hosted["four"]

    kept = repr(hosted)

    assert not any(label in kept for label in LABELS)


BREAKERS: dict[str, Callable[[Person], object]] = {
    "traversal in a file's name": lambda p: p.get(f"{COUNTS}/data/..%2F..%2Fprivate%2Ftruth.csv"),
    "traversal in plain": lambda p: p.get(f"{COUNTS}/data/../../private/truth.csv"),
    "absolute path": lambda p: p.get(f"{COUNTS}/data/%2Fetc%2Fpasswd"),
    "the truth by its name": lambda p: p.get(f"{COUNTS}/data/truth.csv"),
    "the settings by their name": lambda p: p.get(f"{COUNTS}/data/competition.toml"),
    "a name with a zero byte": lambda p: p.get(f"{COUNTS}/data/train.csv%00.png"),
    "another case": lambda p: p.get(f"{COUNTS}/data/TRAIN.CSV"),
    "another question": lambda p: p.get("/competitions/four/questions/..%2Fcounts/data/train.csv"),
    "a baseline outside": lambda p: p.get(f"{COUNTS}/baselines/..%2F..%2Fkit.db/notebook"),
    "an id past the largest": lambda p: p.get(f"/submissions/{2**63}"),
    "an id below the smallest": lambda p: p.get("/submissions/-1"),
    "an offset past the largest": lambda p: p.get(f"/competitions/four/submissions?offset={2**63}"),
    "half a character": lambda p: p.post("/tokens", content=b'{"name": "\\ud800", "password": "x"}'),
    "no JSON": lambda p: p.post("/tokens", content=b"\xff{"),
    "deep JSON": lambda p: p.post("/competitions/four/join", content=b"[" * 30_000),
    "a bad ETag": lambda p: p.get("/competitions/four/baselines", headers={"If-None-Match": b'"\xff"'}),
    "a bad wait": lambda p: p.get("/competitions/four/baselines", headers={"Prefer": "wait=-1e999"}),
    "a bad range": lambda p: p.get(f"{COUNTS}/data/train.csv", headers={"Range": "bytes=9-1"}),
}


@pytest.mark.parametrize("attempt", BREAKERS)
def test_what_is_meant_to_break_it_is_refused_and_reveals_nothing(world: Served, attempt: str) -> None:
    answer = BREAKERS[attempt](world.people["ada"])

    assert answer.status_code < 500
    assert not any(secret in answer.content for secret in secrets_of(world, "ada").values())
    if "traversal" in attempt or "truth" in attempt:
        assert answer.status_code in (404, 422)


def test_a_wrong_address_is_told_with_what_was_asked(world: Served) -> None:
    ada = world.people["ada"]

    nothing = ada.get("/nope").json()["error"]["message"]
    not_taken = ada.post("/me").json()["error"]["message"]
    unfit = ada.get(f"{COUNTS}/leaderboard?split=secret").json()["error"]["problems"]

    assert nothing.startswith("Not Found: 'GET /api/v1/nope' is none of the service's addresses")
    assert not_taken.startswith("Method Not Allowed: 'POST /api/v1/me' is none")
    assert unfit == ["split: Input should be 'public' or 'private', not 'secret'"]


def test_a_wrong_body_is_told_without_what_it_held(world: Served) -> None:
    answer = world.people["ada"].post("/tokens", json={"name": "ada", "password": ["correct horse"]})

    assert answer.status_code == 422
    assert "correct horse" not in answer.text


def test_every_answer_carries_the_headers_that_keep_it_safe(world: Served) -> None:
    for route in ROUTES:
        headers = ask(world, "ada", route).headers

        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        if "/docs/" not in route and route != "GET /live.js":
            assert "no-store" in headers["Cache-Control"] or "private" in headers["Cache-Control"], route
