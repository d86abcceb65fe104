"""The folders that come with the kit: ``notebooks``, ``dashboards``, ``data``, and Voila's template."""

from __future__ import annotations

import os
from pathlib import Path

from kit.errors import NotFound

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """Where a folder is: in the package when the kit was installed, else at the root of its repository.

    Raises
    ------
    NotFound
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise NotFound(f"This installation of the kit has no folder {name!r}.")


def jupyter_path() -> str:
    """JUPYTER_PATH for a Voila that finds the kit's template, and the styles of those it is made from."""
    found = os.environ.get("JUPYTER_PATH", "")
    return f"{_PACKAGE / 'cli' / 'jupyter'}{os.pathsep}{found}".rstrip(os.pathsep)
