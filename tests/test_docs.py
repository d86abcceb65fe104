"""The documentation says what is so: generated pages are fresh, commands and links exist, examples run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from running import Service, running, sign_up

import kit
from kit.metrics import METRICS

ROOT = Path(__file__).parent.parent
EARLY, LATE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
QUESTION = {"id": "q", "metric": "mae", "id_column": "id", "target": "y", "truth": "truth.csv"}
DOCS = ROOT / "docs"
WRITTEN = [*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "data").rglob("README.md"))]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load()
COMMANDS = dict(generate.cli.commands())
OPTIONS = {
    name: {option for p in command.params for option in [*p.opts, *p.secondary_opts]} | {"--help", "-h"}
    for name, command in COMMANDS.items()
}
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a language."""
    text = path.read_text(encoding="utf-8")
    yield from re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def shell_words(path: Path) -> Iterator[list[str]]:
    """Each simple command of the sh blocks, and of code in a line that begins with kit or make."""
    blocks = [line for block in fences(path, "sh") for line in block.replace("\\\n", " ").splitlines()]
    inline = re.findall(r"`((?:kit|make) [^`]+)`", prose(path))
    for line in [*blocks, *inline]:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("|&;<>"):
                words.append(word)
            elif words:
                yield words
                words = []


def problem_of(words: list[str]) -> str | None:
    """Why a command line cannot be right; of programs other than kit and make nothing is known."""
    if words[0] == "make":
        unknown = [word for word in words[1:] if word not in TARGETS]
        return f"no such target: {unknown}" if unknown else None
    if words[0] != "kit":
        return None
    name = next((n for n in (" ".join(words[:k]) for k in (3, 2)) if n in COMMANDS), None)
    if name is None:
        groups = {n.rpartition(" ")[0] for n in COMMANDS}
        return None if len(words) == 2 and " ".join(words) in groups - {"kit"} else "no such command"
    given = [re.sub(r"[\[\],]|=.*", "", word) for word in words]
    unknown = [word for word in given if re.match(r"-{1,2}[a-z]", word) and word not in OPTIONS[name]]
    return f"no such option: {unknown}" if unknown else None


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_generated_page_is_as_a_fresh_one(name: str) -> None:
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")

    fresh = generate.PAGES[name]()

    assert written == fresh, f"docs/reference/{name} is stale: run `make docs`"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_each_of_its_options_is_described(name: str) -> None:
    command = COMMANDS[name]

    assert command.help, f"{name} has no docstring"
    assert [p.name for p in command.params if not p.help] == []


def test_each_route_and_model_is_described() -> None:
    operations = list(generate.http.operations())
    schemas = generate.http.document()["components"]["schemas"]

    assert [f"{method} {path}" for method, path, o in operations if not o.get("description")] == []
    assert [n for n, s in schemas.items() if "properties" in s and not s.get("description")] == []


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_is_described_and_cites_its_source(name: str) -> None:
    metric = METRICS[name]

    assert metric.summary
    assert generate.metrics.source(metric)


def test_each_key_of_competition_toml_is_described() -> None:
    undescribed = [f"{t} {key}" for t, key, f in generate.competition_toml.fields() if not f.description]

    assert undescribed == []


def test_each_public_name_of_python_is_described() -> None:
    classes = [getattr(kit, name) for name in ("CompetitionClient", "Submission", "Client")]

    for subject in [kit.connect, *classes, *(getattr(kit, name) for name in generate.python.errors())]:
        assert subject.__doc__
    for subject in classes:
        assert [name for name, value in generate.python.members(subject) if not value.__doc__] == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_commands_and_options_in_the_documentation_exist(path: Path) -> None:
    problems = {" ".join(words): problem_of(words) for words in shell_words(path)}

    assert {line: problem for line, problem in problems.items() if problem} == {}


def test_a_command_or_option_that_does_not_exist_is_found() -> None:
    lines = ("kit serv mine", "kit serve mine --dat var", "kit users adopt", "kit users add -z", "make tea")

    assert [line for line in lines if problem_of(line.split()) is None] == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    links = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text)
    dead = []

    for link in links:
        file, _, anchor = link.partition("#")
        target = (path.parent / file) if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)

    assert dead == []


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {generate.cli.markdown.anchor(heading) for heading in headings}


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_examples_of_competition_toml_have_known_keys(path: Path) -> None:
    models = {name.strip("[]"): model for name, model in generate.competition_toml.TABLES.items()}
    needed = {"title": "?", "slug": "x", "opens_at": EARLY, "closes_at": LATE, "question": [QUESTION]}

    for block in fences(path, "toml"):
        tables = tomllib.loads(block)

        assert set(tables) <= set(models[""].model_fields)
        models[""].model_validate(needed | tables)


def test_the_readme_counts_the_metrics_right() -> None:
    assert f" {len(METRICS)} [metrics]" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running([ROOT / "data/penguins"], tmp_path_factory.mktemp("docs") / "data") as service:
        yield service


@pytest.mark.parametrize(
    ("path", "name"),
    [(ROOT / "README.md", "ada"), (DOCS / "participate.md", "bob")],
    ids=["README.md", "participate.md"],
)
def test_python_in_the_documentation_runs_on_a_real_service(
    path: Path, name: str, penguins: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = sign_up(penguins.url, name)
    monkeypatch.setenv("KIT_TOKEN", headers["Authorization"].removeprefix("Bearer "))
    monkeypatch.delenv("KIT_URL", raising=False)
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    blocks = list(fences(path, "python"))
    known: dict[str, Any] = {}

    for block in blocks:
        exec(compile(block.replace("http://127.0.0.1:8000", penguins.url), path.name, "exec"), known)

    assert blocks
    address = f"{penguins.url}/api/v1/competitions/penguins/submissions"
    board = httpx2.get(address, headers=headers, timeout=60).json()
    assert board and not [facts for facts in board if facts["state"] in ("REJECTED", "ERROR")]
