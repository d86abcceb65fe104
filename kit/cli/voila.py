"""How Voila is run for the organizers' dashboard: for every visitor, with nobody's login."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kit.resources import folder, jupyter_path

NOTEBOOK = "organizer.ipynb"
_LOGINS = ("KIT_TOKEN", "JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")


def command(host: str, port: int, notebooks: Path | None = None, *, prefix: str = "") -> list[str]:
    """The program and its arguments, for the organizers' dashboard or for a folder of them."""
    return [
        sys.executable,
        "-m",
        "voila",
        str(notebooks or folder("dashboards") / NOTEBOOK),
        "--no-browser",
        f"--Voila.ip={host}",
        f"--port={port}",
        f"--Voila.base_url={prefix}/",
        "--Voila.port_retries=0",
        "--template=kit",
        # A visitor who goes away without a word leaves a kernel behind.
        "--MappingKernelManager.cull_interval=60",
        "--MappingKernelManager.cull_idle_timeout=600",
    ]


def environment(service: str) -> dict[str, str]:
    """The environment of dashboards: it knows the service, its own template, and no login."""
    return without_logins(service) | {"JUPYTER_PATH": jupyter_path()}


def without_logins(service: str) -> dict[str, str]:
    """This process's environment without anybody's token, and with the service's address.

    Visitors of a dashboard run in the account of whoever started it, so it must not find that person's.
    """
    kept = {key: value for key, value in os.environ.items() if key not in _LOGINS}
    return kept | {"KIT_URL": service}
