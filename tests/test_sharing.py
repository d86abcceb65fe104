"""Data shared between accounts of a machine: what the service puts where, tells whom, what clients use."""

from __future__ import annotations

import logging
import os
import resource
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import four
import httpx2
import pytest
from conftest import Clock
from served import COUNTS, Served, serving

from kit.client import Client, CompetitionClient
from kit.competition import Competition
from kit.errors import OrganizerError
from kit.service.auth import Scope
from kit.service.sharing import shared_files
from kit.sharing import SharedData, make_place, share
from kit.store import Store

INVITED = '[access]\nsignup = "invite"\ninvite_code = "open sesame"\nemails = []'


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedData:
    monkeypatch.setenv("KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KIT_SHARED_DATA", str(tmp_path / "shared"))
    (tmp_path / "own").mkdir()
    return share(tmp_path / "shared", tmp_path / "own")


@pytest.fixture
def service(store: Store, competition: Competition, clock: Clock, shared: SharedData) -> Iterator[Served]:
    with serving(store, [competition], clock, shared=shared) as service:  # type: ignore[arg-type]
        fill(service)
        yield service


def fill(service: Served) -> SharedData:
    """What the service's thread does."""
    parts = service.client.app.state.service  # type: ignore[attr-defined]
    found = parts.shared
    assert isinstance(found, SharedData)
    found.fill(shared_files(parts))
    return found


class Asked(httpx2.BaseTransport):
    """The way to the service, and what went along it."""

    def __init__(self, service: Served) -> None:
        self.transport = service.client._transport
        self.downloads: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if "/data/" in request.url.path:
            self.downloads.append(Path(request.url.path).name)
        return self.transport.handle_request(request)


@pytest.fixture
def asked(service: Served) -> Asked:
    return Asked(service)


@pytest.fixture
def comp(service: Served, asked: Asked) -> CompetitionClient:
    ada = service.sign_up("ada")
    return Client("http://kit", token=ada.token, transport=asked).competition("four")


def files_of(shared: SharedData) -> dict[str, Path]:
    """What lies there, by content."""
    return {path.read_text(): path for path in shared.folder.iterdir()}


# What is used


def test_data_are_read_in_place_and_that_is_said_once(
    comp: CompetitionClient, asked: Asked, shared: SharedData, capsys: pytest.CaptureFixture[str]
) -> None:
    first = comp.data()
    comp.data()

    assert first["train"]["count"].to_list() == [15, 25, 35]
    assert asked.downloads == []
    assert (comp.data_dir() / "train.csv").readlink().parent == shared.folder
    told = f"Shared by all accounts, read in place from {shared.folder}: test.csv, train.csv\n"
    assert capsys.readouterr().out == told
    assert comp.sql("select sum(count) as n from train")["n"].to_list() == [75]


def test_what_is_damaged_there_is_downloaded_and_what_is_damaged_later_too(
    comp: CompetitionClient, asked: Asked, shared: SharedData
) -> None:
    train = files_of(shared)[four.TRAIN]
    train.chmod(0o644)
    train.write_text(four.TRAIN.replace("15", "51"))

    assert comp.data()["train"]["count"].to_list() == [15, 25, 35]
    assert asked.downloads == ["train.csv"]

    files_of(shared)[four.TEST].unlink()
    assert comp.data()["test"]["height"].to_list() == [1, 2, 3, 4]
    assert asked.downloads == ["train.csv", "test.csv"]


@pytest.mark.parametrize("mode", [0o777, 0o731], ids=oct)
def test_a_folder_that_others_can_change_is_not_used(
    comp: CompetitionClient, asked: Asked, shared: SharedData, mode: int
) -> None:
    shared.folder.chmod(mode)

    comp.data()

    assert asked.downloads == ["train.csv", "test.csv"]


@pytest.mark.parametrize("name", ["../own/shared.key", "/etc/passwd", "", "a" * 64])
def test_a_service_cannot_name_files_elsewhere(
    comp: CompetitionClient, asked: Asked, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    handle = asked.handle_request

    def lying(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/shared"):
            return httpx2.Response(200, json={"names": {"train.csv": name, "test.csv": name}})
        return handle(request)

    monkeypatch.setattr(asked, "handle_request", lying)

    assert comp.data()["train"]["count"].to_list() == [15, 25, 35]
    assert not [path for path in comp.data_dir().iterdir() if path.is_symlink()]


# What is told, and to whom


def test_nobody_is_told_and_nobody_else_may_read_before_the_opening(service: Served, clock: Clock) -> None:
    shared = fill(service)
    ada, olga = service.sign_up("ada"), service.organizer()
    clock.now = four.OPENS_AT - timedelta(seconds=1)
    fill(service)

    assert {stat.S_IMODE(path.stat().st_mode) for path in shared.folder.iterdir()} == {0o400}
    assert ada.get(f"{COUNTS}/shared").status_code == 403
    assert olga.get(f"{COUNTS}/shared").json() == {"names": {}}

    clock.now = four.OPENS_AT
    names = ada.get(f"{COUNTS}/shared").json()["names"]
    assert {shared.folder / name for name in names.values()} == set(shared.folder.iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in shared.folder.iterdir()} == {0o444}


def test_who_may_not_enter_is_not_told(
    tmp_path: Path, store: Store, clock: Clock, shared: SharedData
) -> None:
    competition = four.competition(tmp_path / "four", top=INVITED)
    with serving(store, [competition], clock, shared=shared) as service:  # type: ignore[arg-type]
        fill(service)
        ada = service.sign_up("ada", invite="open sesame")
        store.accounts.add_user("bob", password_hash="-", now=clock(), role="participant")
        bob = store.accounts.user("bob")
        assert bob is not None
        refused = service.client.get(
            f"/api/v1{COUNTS}/shared",
            headers={"Authorization": f"Bearer {service.token(bob, Scope.READ)}"},
        )

        assert refused.status_code == 403
        assert len(ada.get(f"{COUNTS}/shared").json()["names"]) == 2


def test_names_do_not_follow_from_what_everyone_is_told(service: Served, tmp_path: Path) -> None:
    shared = fill(service)
    told = service.nobody.get("/competitions/four").text
    (tmp_path / "other").mkdir()

    elsewhere = share(tmp_path / "elsewhere", tmp_path / "other")
    elsewhere.fill(shared_files(service.client.app.state.service))  # type: ignore[attr-defined]

    here = {path.name for path in shared.folder.iterdir()}
    assert not [name for name in here if name in told]
    assert here.isdisjoint(path.name for path in elsewhere.folder.iterdir())


# What lies there


def test_only_files_for_participants_lie_there_and_nobody_else_can_list_them(service: Served) -> None:
    shared = fill(service)

    assert files_of(shared).keys() == {four.TRAIN, four.TEST}
    assert stat.S_IMODE(shared.folder.stat().st_mode) == 0o711
    assert all(path.lstat().st_nlink == 1 for path in shared.folder.iterdir())


def test_replaced_data_have_a_new_name_and_the_old_ones_go(
    tmp_path: Path, store: Store, clock: Clock, shared: SharedData
) -> None:
    competition = four.competition(tmp_path / "four")
    with serving(store, [competition], clock, shared=shared) as service:  # type: ignore[arg-type]
        before = files_of(fill(service))
    (shared.folder / ".new-left").touch()
    (shared.folder / "notes.txt").touch()
    (tmp_path / "four/data/train.csv").write_text(changed := four.TRAIN.replace("15", "16"))

    with serving(store, [competition], clock, shared=shared) as service:  # type: ignore[arg-type]
        after = files_of(fill(service))

    assert after.keys() == {changed, four.TEST, ""}
    assert after[four.TEST] == before[four.TEST]
    assert after[changed] != before[four.TRAIN]
    assert (shared.folder / "notes.txt").exists()


def test_what_changed_under_a_running_service_is_not_shared(
    service: Served, competition: Competition, caplog: pytest.LogCaptureFixture
) -> None:
    shared = fill(service)
    files_of(shared)[four.TRAIN].unlink()
    (competition.directory / "data/train.csv").write_text(four.TRAIN.replace("15", "16"))

    with caplog.at_level(logging.WARNING, "kit.service"):
        fill(service)

    assert files_of(shared).keys() == {four.TEST}
    assert "train.csv is not shared, but downloaded: it has changed" in caplog.text


def test_a_full_disk_leaves_nothing_half_and_is_made_good_later(
    service: Served, comp: CompetitionClient, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    shared = fill(service)
    for path in shared.folder.iterdir():
        path.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, limits[1]))
    try:
        shared.fill(shared_files(service.client.app.state.service))  # type: ignore[attr-defined]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert list(shared.folder.iterdir()) == []
    assert comp.data()["train"]["count"].to_list() == [15, 25, 35]
    assert asked.downloads == ["train.csv", "test.csv"]
    assert files_of(fill(service)).keys() == {four.TRAIN, four.TEST}


def test_what_another_put_there_is_replaced_not_followed(service: Served, tmp_path: Path) -> None:
    shared = fill(service)
    (aim := tmp_path / "aim").write_text(four.TRAIN)
    place = files_of(shared)[four.TRAIN]
    place.unlink()
    place.symlink_to(aim)

    fill(service)

    assert not place.is_symlink()
    assert place.read_text() == aim.read_text() == four.TRAIN
    assert stat.S_IMODE(aim.stat().st_mode) & 0o200


# Where


def test_no_folder_is_taken_that_others_could_put_into_its_place(tmp_path: Path) -> None:
    own, uid = tmp_path / "own", os.geteuid()
    own.mkdir()
    (tmp_path / "link").symlink_to(own)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open/way").symlink_to(tmp_path)
    refused = {
        tmp_path / "link": "is no folder",
        tmp_path / "open/shared": "Other accounts can change",
        tmp_path / "open/way/shared": "Other accounts can change",
        own / "shared": "must lie beside each other",
        own.parent: "must lie beside each other",
        tmp_path / "not/there": "install -d -m 711",
    }

    for folder, message in refused.items():
        with pytest.raises(OrganizerError, match=message):
            share(folder, own)
    assert not (tmp_path / "open/shared").exists()
    with pytest.raises(OrganizerError, match="belongs to another account"):
        make_place(own, uid + 1)
