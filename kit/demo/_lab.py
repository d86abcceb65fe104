"""How JupyterLab and Voila are run for the demo: by the demo's own settings, and asking no other site."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from kit.cli import voila
from kit.demo._folder import Folder
from kit.demo._ports import HOST
from kit.resources import folder

FIRST = "01-submit-predictions.ipynb"
OF_CODE = "02-submit-code.ipynb"
BOARD = "leaderboard.ipynb"

_CONFIG = {
    "LabApp": {
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
    },
    "ServerApp": {"port_retries": 0, "open_browser": False},
}
_NOTIFICATIONS = {"fetchNews": "false", "checkForUpdates": False}


def write_settings(demo: Folder) -> None:
    """Write JupyterLab's settings; what a person changed in it stays."""
    (demo.jupyter / "jupyter_lab_config.json").write_text(json.dumps(_CONFIG, indent=1))
    settings = demo.jupyter / "lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    notification = settings / "notification.jupyterlab-settings"
    if not notification.exists():
        notification.write_text(json.dumps(_NOTIFICATIONS))


def lab_command(demo: Folder, port: int) -> list[str]:
    """JupyterLab and its arguments; the token is in its environment, where ``ps`` does not show it."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.ip={HOST}"]
    command += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={demo.notebooks.resolve()}"]
    return [*command, "--allow-root"] if os.geteuid() == 0 else command


def lab_environment(demo: Folder, service: str, token: str) -> dict[str, str]:
    """The environment of JupyterLab and its kernels."""
    return _own(demo, voila.without_logins(service)) | {"JUPYTER_TOKEN": token}


def dashboard_command(port: int) -> list[str]:
    """Voila and its arguments, for all dashboards."""
    return voila.command(HOST, port, folder("dashboards"))


def dashboard_environment(demo: Folder, service: str) -> dict[str, str]:
    """The environment of Voila and its kernels."""
    return _own(demo, voila.environment(service))


def dashboard_address(notebook: str, port: int, competition: str) -> str:
    """Where Voila shows a dashboard."""
    return f"http://{HOST}:{port}/voila/render/{notebook}?competition={competition}"


def lab_address(port: int, token: str, demo: Folder, notebook: str = FIRST) -> str:
    """Where JupyterLab opens a notebook of the participant's."""
    path = f"lab/tree/{notebook}" if (demo.notebooks / notebook).is_file() else "lab"
    return f"http://{HOST}:{port}/{path}?token={token}"


def _own(demo: Folder, environment: dict[str, str]) -> dict[str, str]:
    """Settings, runtime files and downloads in the demo's folder: a person's own are left alone."""
    jupyter = demo.jupyter.resolve()
    own = {
        "JUPYTER_CONFIG_DIR": jupyter,
        "JUPYTER_RUNTIME_DIR": jupyter / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": jupyter / "lab/user-settings",
        "JUPYTERLAB_WORKSPACES_DIR": jupyter / "lab/workspaces",
        "IPYTHONDIR": jupyter / "ipython",
        "KIT_CACHE": Path(demo.path).resolve() / "cache",
    }
    return environment | {key: str(path) for key, path in own.items()}
