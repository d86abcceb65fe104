from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx2
import psutil
import pytest
import yaml
from packaging.specifiers import SpecifierSet
from running import free_port
from waiting import until

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_environment_yml_installs_what_pyproject_names() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))

    python, *others = [d for d in environment["dependencies"] if isinstance(d, str)]

    # repo2docker reads the version of Python only where it is written with one "=".
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert others == ["pip"]
    assert pip == [*PROJECT["dependencies"], "--editable ."]


@pytest.mark.parametrize("name", ["anywidget", "jupyterlab-plotly", "@jupyter-widgets/jupyterlab-manager"])
def test_an_extension_for_jupyterlab_comes_prebuilt_with_its_package(name: str) -> None:
    folder = Path(sys.prefix) / "share/jupyter/labextensions" / name

    described = json.loads((folder / "package.json").read_text())

    assert (folder / described["jupyterlab"]["_build"]["load"]).is_file()


def test_an_image_of_repo2dockers_serves_the_sample_competitions(tmp_path: Path) -> None:
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    started = subprocess.Popen(
        [ROOT / "start", "sleep", "600"],
        cwd=ROOT,
        env=os.environ | {"HOME": str(tmp_path), "KIT_PORT": str(port), "PATH": path},
        start_new_session=True,
    )
    try:
        slugs = {one["slug"] for one in answer(f"http://127.0.0.1:{port}/api/v1/competitions").json()}
        until(lambda: psutil.Process(started.pid).cmdline() == ["sleep", "600"])
    finally:
        family = psutil.Process(started.pid).children(recursive=True)
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(60)
        _, left = psutil.wait_procs(family, timeout=60)

    assert {"penguins", "diamonds", "flights", "departures"} == slugs
    assert not left


def answer(url: str) -> httpx2.Response:
    """What a service answers as soon as it does."""
    ends_at = time.monotonic() + 180
    while True:
        try:
            return httpx2.get(url, timeout=30).raise_for_status()
        except httpx2.TransportError:
            assert time.monotonic() < ends_at, f"nothing answers at {url}"
            time.sleep(0.1)
