"""Credentials: private, written whole, and never used inside Voila."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from kit.credentials import (
    Credentials,
    Current,
    credentials_path,
    current,
    forget,
    inside_voila,
    save,
    saved_credentials,
    token_for,
)

URL = "http://127.0.0.1:8000"
OTHER = "http://other.example"
ADA = Credentials(URL, "kit_ada", "ada", "2026-04-01T00:00:00Z")
VOILA = {
    "a kernel started for the visit": {"SERVER_SOFTWARE": "voila/0.5.13"},
    "a kernel heated before the visit": {"VOILA_PREHEAT": "True", "VOILA_BASE_URL": "/"},
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KIT_URL", "KIT_TOKEN", "SERVER_SOFTWARE", "VOILA_PREHEAT", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_a_saved_login_is_found_again_and_is_the_current_one() -> None:
    save(ADA, competition="cancer")

    assert saved_credentials(URL + "/") == ADA
    assert token_for(URL) == "kit_ada"
    assert current() == Current(URL, "cancer")


def test_only_the_person_can_read_the_file(home: Path) -> None:
    path = save(ADA)

    assert path == home / "kit" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["credentials.json"]


def test_a_file_that_others_could_read_is_private_after_the_next_login() -> None:
    path = save(ADA)
    path.chmod(0o644)

    save(ADA)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_logins_at_two_services_do_not_mix() -> None:
    save(ADA)
    save(Credentials(OTHER, "kit_bob", "bob"))

    assert (token_for(URL), token_for(OTHER)) == ("kit_ada", "kit_bob")
    assert current() == Current(OTHER)


def test_a_forgotten_login_is_gone_and_its_service_is_still_the_one_meant() -> None:
    save(ADA, competition="cancer")

    assert forget(URL)
    assert not forget(URL)
    assert token_for(URL) is None
    assert current() == Current(URL, "cancer")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    save(ADA)
    monkeypatch.setenv("KIT_URL", f"{OTHER}/titanic/")
    monkeypatch.setenv("KIT_TOKEN", "kit_env")

    assert current() == Current(f"{OTHER}/titanic")
    assert token_for(OTHER) == "kit_env"


def test_the_token_of_the_environment_goes_to_the_service_of_the_environment_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KIT_URL", OTHER)
    monkeypatch.setenv("KIT_TOKEN", "kit_env")

    assert token_for("http://elsewhere.example") is None


@pytest.mark.parametrize("voila", VOILA.values(), ids=VOILA.keys())
def test_a_dashboard_uses_nothing_of_its_owner(
    voila: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(ADA, competition="cancer")
    monkeypatch.setenv("KIT_TOKEN", "kit_env")
    for name, value in voila.items():
        monkeypatch.setenv(name, value)

    assert inside_voila()
    assert token_for(URL) is None
    assert saved_credentials(URL) is None
    assert current() is None


def test_a_dashboard_may_be_told_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("KIT_URL", URL)

    assert current() == Current(URL)
    assert token_for(URL) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"services": {}}'], ids=["empty", "cut", "list", "half"])
def test_a_damaged_file_costs_one_more_login(text: str) -> None:
    path = save(ADA)
    path.write_text(text)

    assert token_for(URL) is None

    save(ADA)
    assert token_for(URL) == "kit_ada"


def test_a_token_is_not_shown() -> None:
    assert "kit_ada" not in repr(ADA)
    assert json.loads(save(ADA).read_text())["services"][URL]["token"] == "kit_ada"
    assert credentials_path().exists()


HUB = {"JUPYTERHUB_API_TOKEN": "hub-token", "JUPYTERHUB_USER": "ada", "KIT_URL": f"{URL}/services/kit"}


def _on_hub(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> None:
    for name, value in (HUB | changed).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


def test_the_hubs_token_goes_to_the_hubs_service_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _on_hub(monkeypatch)

    assert token_for(HUB["KIT_URL"]) == "hub-token"
    for other in (OTHER, URL, f"{HUB['KIT_URL']}.example.org", f"{URL}/services/kit/four/more"):
        assert token_for(other) is None, other


def test_without_an_address_of_the_environment_nobody_gets_the_hubs_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _on_hub(monkeypatch, KIT_URL=None)

    assert token_for(HUB["KIT_URL"]) is None


def test_a_service_of_the_hub_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    _on_hub(monkeypatch, JUPYTERHUB_USER=None)

    assert token_for(HUB["KIT_URL"]) is None


@pytest.mark.parametrize("voila", VOILA.values(), ids=VOILA)
def test_in_voila_the_hubs_token_is_used_only_in_the_visitors_own_server(
    voila: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _on_hub(monkeypatch, **voila)

    assert token_for(HUB["KIT_URL"]) is None
    monkeypatch.setenv("KIT_OWN_DASHBOARD", "1")
    assert token_for(HUB["KIT_URL"]) == "hub-token"
    assert token_for(OTHER) is None
