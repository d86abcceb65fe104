"""Imports go one way: core <- runner <- server, notebook side; the notebook side never imports the server."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "core": """
        _contributivity contributivity _similarity similarity
        cells combined _competition_code _competition_form _competition_problems _competition_tables _scoring
        _splitter competition errors ladder leaderboard limits metrics overfitting predictions probing
        resources scoring
        code_files notebook_files starter submission tables truth
    """,
    "runner": "check runner",
    "server": """
        blender blending clock code_judging evaluate notebook_judging progress store _store
        judge judge_process workers serve service service_lock sharing
    """,
    "notebook": "client credentials hub_dashboards widgets baselines",
    "top": "cli hub hub_reach demo __main__ __init__",
}
ALLOWED = {
    "core": {"core"},
    "runner": {"core", "runner"},
    "server": {"core", "runner", "server"},
    "notebook": {"core", "runner", "notebook"},
    "top": {"core", "runner", "server", "notebook", "top"},
}
NOT_IN_CORE = {"sqlite3", "sqlite_utils", "fastapi", "uvicorn", "httpx2", "socket", "ipywidgets", "anywidget"}

MODULES = sorted(ROOT.glob("kit/**/*.py"))


def layer_of(module: str) -> str:
    part = module.split(".")[1] if "." in module else "__init__"
    found = [layer for layer, parts in LAYERS.items() if part in parts.split()]
    assert len(found) == 1, f"kit.{part} stands in {found or 'no layer'}: say in tests/test_layers.py which"
    return found[0]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            names.add(node.module)
            if node.module == "kit":
                names |= {
                    f"kit.{alias.name}"
                    for alias in node.names
                    if (ROOT / "kit" / alias.name).exists() or (ROOT / "kit" / f"{alias.name}.py").exists()
                }
    return names - {"kit"}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_each_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = layer_of(dotted(path))
    names = imported(path)

    wrong = {n for n in names if n.startswith("kit.") and layer_of(n) not in ALLOWED[layer]}
    if layer == "core":
        wrong |= {n for n in names if n.split(".")[0] in NOT_IN_CORE}

    assert not wrong, f"{dotted(path)} ({layer}) imports {sorted(wrong)}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_no_module_outgrows_350_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350
