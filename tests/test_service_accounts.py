from __future__ import annotations

from datetime import timedelta

import pytest
from conftest import Clock, Serve
from served import PASSWORD, Person, Served

from kit.service.auth import Scope


def log_in(service: Served, name: str = "ada", password: str = PASSWORD, **given: object):
    return service.nobody.post("/tokens", json={"name": name, "password": password, **given})


def message(answer) -> str:
    return answer.json()["error"]["message"]


def test_signing_up_logs_in(service: Served) -> None:
    ada = service.sign_up("ada", email="ada@example.org")

    me = ada.get("/me").json()

    assert (me["name"], me["role"], me["scopes"]) == ("ada", "participant", ["read", "submit"])


def test_a_name_is_taken_whatever_its_case(service: Served) -> None:
    service.sign_up("ada")

    answer = service.nobody.post("/users", json={"name": "ADA", "password": PASSWORD})

    assert answer.status_code == 409
    assert answer.json()["error"]["class"] == "AlreadyExists"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"name": "a"}, id="short name"),
        pytest.param({"name": "ada lovelace"}, id="space in name"),
        pytest.param({"name": "../ada"}, id="path as name"),
        pytest.param({"password": "too short"}, id="short password"),
        pytest.param({"email": "nobody"}, id="no address"),
        pytest.param({"role": "organizer"}, id="unknown key"),
    ],
)
def test_a_wrong_sign_up_is_refused_and_the_password_not_repeated(
    service: Served, wrong: dict[str, str]
) -> None:
    asked = {"name": "ada", "password": "a secret password"} | wrong

    answer = service.nobody.post("/users", json=asked)

    assert answer.status_code == 422
    assert answer.json()["error"]["class"] == "InvalidRequest"
    assert asked["password"] not in answer.text


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(service: Served) -> None:
    service.sign_up("ada")

    wrong, unknown = log_in(service, password="wrong"), log_in(service, name="nobody")

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


def test_guessing_passwords_is_slowed_down_for_one_address_and_name_only(
    service: Served, clock: Clock
) -> None:
    service.sign_up("ada")
    service.sign_up("bob")
    for _ in range(10):
        assert log_in(service, password="wrong").status_code == 401

    refused = log_in(service)

    assert refused.status_code == 429
    assert refused.json()["error"]["class"] == "NotAllowed"
    assert refused.headers["Retry-After"] == "300"
    assert log_in(service, name="bob").status_code == 201
    clock.now += timedelta(minutes=5)
    assert log_in(service).status_code == 201


def test_many_names_from_one_address_are_slowed_down_too(service: Served) -> None:
    service.sign_up("ada")
    for n in range(100):
        assert log_in(service, name=f"name{n}").status_code == 401

    assert log_in(service).status_code == 429


def test_accounts_of_one_address_are_limited(serve: Serve) -> None:
    service = serve(n_sign_ups=2)
    service.sign_up("ada")
    service.sign_up("bob")

    answer = service.nobody.post("/users", json={"name": "eve", "password": PASSWORD})

    assert answer.status_code == 429


def test_a_token_expires_to_the_microsecond(service: Served, clock: Clock) -> None:
    service.sign_up("ada")
    token = log_in(service, days=1).json()["token"]
    ada = Person(service.client, "ada", token)

    clock.now += timedelta(days=1) - timedelta(microseconds=1)
    assert ada.get("/me").status_code == 200
    clock.now += timedelta(microseconds=1)

    refused = ada.get("/me")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json()["error"]["class"] == "NotLoggedIn"


def test_a_token_lives_for_thirty_days_unless_told_otherwise(service: Served) -> None:
    service.sign_up("ada")

    made = log_in(service).json()

    assert made["expires_at"] == "2026-04-01T12:00:00.000000Z"


def test_logging_out_revokes_the_token_in_use_and_no_other(service: Served) -> None:
    ada = service.sign_up("ada")
    other = Person(service.client, "ada", log_in(service).json()["token"])

    assert ada.ask("DELETE", "/tokens/current").status_code == 204

    assert ada.get("/me").status_code == 401
    assert other.get("/me").status_code == 200


def test_a_token_can_be_revoked_by_its_owner_only(service: Served) -> None:
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    (token,) = ada.get("/tokens").json()

    assert bob.ask("DELETE", f"/tokens/{token['id']}").status_code == 404
    assert ada.get("/me").status_code == 200
    assert ada.ask("DELETE", f"/tokens/{token['id']}").status_code == 204
    assert ada.get("/me").status_code == 401


def test_tokens_and_passwords_are_kept_as_hashes_only(service: Served) -> None:
    ada = service.sign_up("ada")

    kept = b"".join(file.read_bytes() for file in service.store.directory.glob("kit.db*"))

    assert ada.token is not None
    assert ada.token.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_a_participant_gets_no_organizers_token(service: Served) -> None:
    service.sign_up("ada")

    answer = log_in(service, scopes=["read", "organize"])

    assert answer.status_code == 403


def test_an_organizer_without_the_scope_is_no_organizer(service: Served) -> None:
    service.organizer()
    token = log_in(service, name="olga").json()["token"]

    answer = Person(service.client, "olga", token).get("/users")

    assert answer.status_code == 403
    assert "'organize'" in message(answer)


def test_a_former_organizers_token_no_longer_organizes(service: Served) -> None:
    olga = service.organizer()
    assert olga.get("/queue").status_code == 200

    service.store.accounts.set_role("olga", "participant")

    assert olga.get("/queue").status_code == 403


def test_a_token_without_the_scope_cannot_submit(service: Served) -> None:
    service.sign_up("ada")
    token = service.token(service.store.accounts.user("ada"), Scope.READ)
    ada = Person(service.client, "ada", token)

    answer = ada.submit()

    assert answer.status_code == 403
    assert "'submit'" in message(answer)


def test_a_disabled_user_is_out_at_once_and_may_come_back(service: Served) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()

    olga.post("/users/ada/disabled", json={"disabled": True})

    assert ada.get("/me").status_code == 401
    assert log_in(service).status_code == 403
    assert log_in(service, password="wrong").status_code == 401
    olga.post("/users/ada/disabled", json={"disabled": False})
    assert ada.get("/me").status_code == 200


def test_an_organizer_cannot_lock_themselves_out(service: Served) -> None:
    answer = service.organizer().post("/users/olga/disabled", json={"disabled": True})

    assert answer.status_code == 400


def test_a_new_password_revokes_the_tokens_made_under_the_old_one(service: Served) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()

    made = olga.post("/users/ada/password", json={}).json()["password"]

    assert ada.get("/me").status_code == 401
    assert log_in(service).status_code == 401
    assert log_in(service, password=made).status_code == 201


def test_a_chosen_password_is_not_repeated(service: Served) -> None:
    service.sign_up("ada")

    answer = service.organizer().post("/users/ada/password", json={"password": "another horse"})

    assert answer.json() == {"password": None}


INVITED = '[access]\nsignup = "invite"\ninvite_code = "open sesame"'


def test_only_the_invited_sign_up_and_are_joined_at_once(serve: Serve) -> None:
    service = serve(top=INVITED)
    asked = {"name": "eve", "password": PASSWORD}

    assert service.nobody.post("/users", json=asked).status_code == 403
    assert service.nobody.post("/users", json=asked | {"invite": "open barley"}).status_code == 403
    ada = service.sign_up("ada", invite="open sesame")

    assert ada.get("/competitions/four").json()["me"]["team"] == "ada"
    assert ada.submit().status_code == 201


def test_the_uninvited_see_neither_data_nor_leaderboard_until_they_join(serve: Serve) -> None:
    service = serve(top=INVITED)
    user = service.store.accounts.add_user("bob", password_hash=None, now=service.clock())
    bob = Person(service.client, "bob", service.token(user, Scope.READ, Scope.SUBMIT))
    data, board = (f"/competitions/four/questions/counts/{p}" for p in ("data/train.csv", "leaderboard"))

    assert bob.get(data).status_code == bob.get(board).status_code == 403
    assert bob.submit().status_code == 403
    joined = bob.post("/competitions/four/join", json={"invite": "open sesame", "team": "The Bobs"})

    assert joined.json()["team"] == "The Bobs"
    assert bob.get(data).status_code == bob.get(board).status_code == 200
    assert bob.submit().status_code == 201


def test_guessing_invite_codes_is_slowed_down(serve: Serve) -> None:
    service = serve(top=INVITED)
    user = service.store.accounts.add_user("bob", password_hash=None, now=service.clock())
    bob = Person(service.client, "bob", service.token(user, Scope.SUBMIT))

    answers = [bob.post("/competitions/four/join", json={"invite": f"guess {n}"}) for n in range(101)]

    assert [a.status_code for a in answers] == [403] * 100 + [429]


def test_only_fitting_addresses_take_part(serve: Serve) -> None:
    service = serve(top='[access]\nemails = ["@example.org"]')
    asked = {"name": "eve", "password": PASSWORD}

    assert service.nobody.post("/users", json=asked).status_code == 403
    evil = service.nobody.post("/users", json=asked | {"email": "eve@evil-example.org"})
    ada = service.sign_up("ada", email="ada@EXAMPLE.org")

    assert evil.status_code == 403
    assert ada.submit().status_code == 201


def test_nobody_joins_another_team_uninvited(serve: Serve) -> None:
    service = serve(top="[teams]\nmax_size = 3")
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    ada.post("/competitions/four/join", json={"team": "Lovelace"})

    answer = bob.post("/competitions/four/join", json={"team": "LOVELACE"})

    assert answer.status_code == 409
    assert bob.get("/competitions/four").json()["me"]["team"] is None


def test_a_teams_name_that_is_none_is_told_in_words(serve: Serve) -> None:
    answer = serve().sign_up("ada").post("/competitions/four/join", json={"team": "<b>owls</b>"})

    assert answer.status_code == 422
    assert "team: A team's name has 2 to 40 letters" in answer.json()["error"]["message"]


def test_organizers_import_users_into_teams_of_any_size(serve: Serve) -> None:
    service = serve(top="[teams]\nmax_size = 2")
    service.sign_up("ada")
    users = [
        {"name": "ada", "team": "Both"},
        {"name": "bob", "team": "Both", "email": "bob@example.org"},
        {"name": "eve", "team": "Both", "password": "given password"},
    ]

    made = service.organizer().post("/users/import", json={"users": users}).json()

    assert [(u["name"], u["created"], bool(u["password"])) for u in made] == [
        ("ada", False, False),
        ("bob", True, True),
        ("eve", True, False),
    ]
    assert [u["problem"] for u in made] == [None, None, None]
    assert log_in(service, name="bob", password=made[1]["password"]).status_code == 201
    assert log_in(service, name="eve", password="given password").status_code == 201
    assert service.store.accounts.teams("four")[0]["members"] == ["ada", "bob", "eve"]
