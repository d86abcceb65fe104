"""What a JupyterHub is told, looked at without one: the printed block, and the files for Kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import four
import pytest
import yaml
from traitlets.config import Config
from typer.testing import CliRunner

from kit.cli import build
from kit.errors import InvalidCompetition, InvalidRequest, OrganizerError
from kit.hub import Block, as_text, configure, make_block
from kit.service.hub import settings_from

DOCS = Path(__file__).parent.parent / "docs/kubernetes"


@pytest.fixture
def block(tmp_path: Path) -> Block:
    return make_block(competitions=[four.write(tmp_path / "four")], data="/srv/kit")


def test_the_command_prints_lines_that_configure_a_hub(block: Block, tmp_path: Path) -> None:
    answer = CliRunner().invoke(build(), ["hub-config", str(tmp_path / "four")])

    assert answer.exit_code == 0, answer.output
    c = Config()
    exec(answer.stdout, {"c": c})
    assert c.JupyterHub.services.get_value([]) == [block.service]
    assert c.Spawner.environment.get_value({}) == block.environment
    assert "useradd --system" in answer.stderr


def test_a_shared_folder_is_named_to_the_service_and_to_peoples_servers(tmp_path: Path) -> None:
    competition = four.write(tmp_path / "four")

    block = make_block(competitions=[competition], data="/srv/kit", shared_data="/srv/kit-shared")
    asked = ["hub-config", str(competition), "--shared-data", "/srv/kit-shared"]
    answer = CliRunner().invoke(build(), asked)

    command = block.service["command"]
    assert command[command.index("--shared-data") + 1] == "/srv/kit-shared"
    assert block.environment["KIT_SHARED_DATA"] == "/srv/kit-shared"
    assert "'KIT_SHARED_DATA': '/srv/kit-shared'" in answer.stdout
    assert "install -d -m 711 -o kit -g kit /srv/kit-shared" in answer.stderr


def test_a_mistake_in_a_competition_is_told_before_the_hub_starts(tmp_path: Path) -> None:
    four.write(tmp_path / "four", top='[access]\nhub_grups = ["hall"]\n')

    with pytest.raises(InvalidCompetition, match="hub_groups"):
        CliRunner().invoke(build(), ["hub-config", str(tmp_path / "four")], catch_exceptions=False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"competitions": "/srv/mine"}, r"competitions is a list, and '/srv/mine' is none"),
        ({"options": "--workers 2"}, r"options is a list, and '--workers 2' is none"),
        ({"base_url": "https://hub.example.org/lab/"}, r"give its path alone, '/lab/'"),
        ({"url": "hub.example.org/services/kit"}, r"The url 'hub.example.org/services/kit' is no address"),
    ],
    ids=["one folder", "one option", "a whole address", "no address"],
)
def test_a_wrong_word_is_told_by_its_value(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        make_block(**{"competitions": ["/srv/mine"], "data": "/srv/kit"} | given)


@pytest.mark.parametrize("base", ["lab", "/lab", "lab/", "/lab/"])
def test_a_base_url_may_be_written_as_the_hub_takes_it(base: str) -> None:
    block = make_block(competitions=["/srv/mine"], data="/srv/kit", base_url=base)

    assert block.environment["KIT_URL"] == "http://127.0.0.1:10101/lab/services/kit"


def test_a_hub_told_twice_of_a_service_has_it_once(tmp_path: Path) -> None:
    once, twice = Config(), Config()
    told: dict[str, Any] = {"competitions": [four.write(tmp_path / "four")], "data": tmp_path, "user": None}

    configure(once, **told, port=10102)
    configure(twice, **told, shared_data=tmp_path / "shared")
    configure(twice, **told, port=10102)

    assert twice == once
    assert [service["name"] for service in twice.JupyterHub.services] == ["kit"]


def test_what_was_printed_and_pasted_is_not_doubled_and_a_kit_of_another_name_stays(
    tmp_path: Path, block: Block
) -> None:
    c = Config()
    second = {"name": "kit-two", "command": ["kit", "serve", "/srv/two", "--data", "/srv/kit-two", "--hub"]}
    c.JupyterHub.services = [second]
    exec(as_text(block).replace("'user': 'kit',", ""), {"c": c})

    configure(c, competitions=[tmp_path / "four"], data="/srv/kit", user=None)

    assert [service["name"] for service in c.JupyterHub.services] == ["kit-two", "kit"]
    assert [role["name"] for role in c.JupyterHub.load_roles] == ["user", "server"]
    assert c.Spawner.args == list(block.arguments)


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (["kit", "serve", "/srv/mine", "--data", "/srv/kit"], "for /srv/mine with its data in /srv/kit"),
        (["kit", "serve", "{four}", "--data", "/srv/other"], "for {four} with its data in /srv/other"),
        (["sh", "notices.sh"], r"which is not `kit serve` but ['sh', 'notices.sh']"),
    ],
    ids=["other competitions", "other data", "something else"],
)
def test_another_service_of_the_name_is_told_with_both(service: list[str], told: str, tmp_path: Path) -> None:
    competition = str(four.write(tmp_path / "four"))
    command = [word.format(four=competition) for word in service]
    c = Config()
    c.JupyterHub.services = [{"name": "kit", "command": command}]

    with pytest.raises(OrganizerError) as raised:
        configure(c, competitions=[competition], data="/srv/kit", user=None)

    assert told.format(four=competition) in str(raised.value)
    assert f"another, for {competition} with its data in /srv/kit. " in str(raised.value)
    assert c.JupyterHub.services == [{"name": "kit", "command": command}]


def test_the_service_has_no_role_and_no_right(block: Block) -> None:
    assert not block.service.keys() & {"admin", "api_token"}
    assert [name for name, _, _ in block.roles] == ["user", "server"]


def test_the_charts_values_say_what_the_block_says(block: Block) -> None:
    values = yaml.safe_load((DOCS / "values.yaml").read_text())

    roles = {name: {"scopes": [*scopes, scope]} for name, scopes, scope in block.roles}
    assert values["hub"]["loadRoles"] == roles
    assert values["hub"]["config"]["JupyterHub"]["load_groups"] == {block.group: {"users": []}}
    assert values["hub"]["config"]["KubeSpawner"]["args"] == list(block.arguments)


def test_the_pod_is_told_what_a_service_of_a_hub_must_know() -> None:
    things: list[dict[str, Any]] = list(yaml.safe_load_all((DOCS / "kit.yaml").read_text()))
    pod = next(each for each in things if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    settings = settings_from(
        {each["name"]: each.get("value", "a secret") for each in container["env"]}, "organizers"
    )

    assert settings.scope == "access:services!service=kit"
    assert settings.prefix == "/services/kit"
    assert {"--hub", "--organizers"} <= set(container["args"])
    assert pod["automountServiceAccountToken"] is False
