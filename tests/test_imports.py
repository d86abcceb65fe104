"""Importing the notebook side is light."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "pandas",
    "polars",
    "sklearn",
    "fastapi",
    "pydantic",
    "scipy",
    "pyarrow",
    "sqlite_utils",
    "ipywidgets",
    "IPython",
)


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import kit, kit.client; kit.connect", "import kit.cli"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    loaded = modules_after(statement)

    assert loaded.isdisjoint(HEAVY), loaded.intersection(HEAVY)


def test_the_notebook_side_loads_no_server_code() -> None:
    loaded = modules_after("import kit.client, kit.client.expectation, kit.client.tables, kit.client.files")

    assert loaded.isdisjoint({"kit.store", "kit.judge", "kit.runner", "kit.service"})
