"""Dashboards in a person's own server on a JupyterHub, as an extension of Jupyter Server; see kit.hub.

Whoever opens one runs it in their own account with their own token, through the Hub's log-in and on no port
of its own; a dashboard that visitors share would act as one of them for all.
"""

from __future__ import annotations

import os
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import url_path_join
from voila.configuration import VoilaConfiguration
from voila.paths import collect_template_paths
from voila.tornado.handler import TornadoVoilaHandler

from kit.credentials import OWN_DASHBOARD
from kit.resources import folder, jupyter_path

NAMES = ("organizer", "leaderboard")
"""Each at ``/user/NAME/kit/…``, from the notebook of that name."""


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "kit.hub_dashboards"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    if not os.environ.get("JUPYTERHUB_USER"):
        server.log.info("The kit's dashboards are served here on a JupyterHub only: kit dashboard")
        return
    os.environ["JUPYTER_PATH"] = jupyter_path()
    given = {
        "config": server.config,
        "template_paths": collect_template_paths(["voila", "nbconvert"], "kit"),
        "voila_configuration": VoilaConfiguration(
            parent=server,
            template="kit",
            # To the one who opened it, from their own server: it says what is wrong.
            show_tracebacks=True,
        ),
        "contents": AsyncLargeFileManager(parent=server, root_dir=str(folder("dashboards"))),
    }
    base = server.web_app.settings["base_url"]
    server.web_app.add_handlers(  # type: ignore[no-untyped-call]
        ".*$",
        [
            (url_path_join(base, "kit", name), _Dashboard, given | {"notebook_path": f"{name}.ipynb"})
            for name in NAMES
        ],
    )


load_jupyter_server_extension = _load_jupyter_server_extension


class _Dashboard(TornadoVoilaHandler):  # type: ignore[misc]
    """One notebook of the kit's, whatever the person's own files are."""

    def initialize(self, contents: AsyncLargeFileManager, **given: Any) -> None:
        super().initialize(**given)
        self._contents = contents

    @property
    def contents_manager(self) -> AsyncLargeFileManager:
        return self._contents

    @property
    def kernel_manager(self) -> _Kernels:
        return _Kernels(super().kernel_manager)


class _Kernels:
    """The server's kernels; those started through this one know that the person's own server started them."""

    def __init__(self, kernels: Any) -> None:
        self._kernels = kernels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernels, name)

    def start_kernel(self, **given: Any) -> Any:
        """Start one, in the person's home."""
        return self._kernels.start_kernel(**given | {"env": given["env"] | {OWN_DASHBOARD: "1"}})
