from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_environment_yml_installs_what_pyproject_names() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))

    conda = {d for d in environment["dependencies"] if isinstance(d, str)}

    assert conda == {f"python{PROJECT['requires-python']}", "pip"}
    assert pip == [*PROJECT["dependencies"], "--editable ."]
