"""Code: the files of a code submission, to read and to take into a cell. Runs none of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kit.client.display import widget_bundle
from kit.client.http import Json
from kit.errors import InvalidRequest


class Code:
    """The files of a submission; shows itself highlighted in a notebook.

    Parameters
    ----------
    facts : dict
        Of the submission.
    files : dict
        Text by file name.
    """

    def __init__(self, facts: Json, files: dict[str, str]) -> None:
        self.facts = facts
        self.files = files

    @property
    def title(self) -> str:
        """Whose code it is."""
        return f"Submission {self.facts['id']} by {self.facts.get('team') or 'nobody'}"

    def shown(self, name: str) -> str:
        """A file as one reads it: of a notebook, the code cells."""
        text = self.files[name]
        return _cells(text) if name.endswith(".ipynb") else text

    def file(self, name: str | None = None, *, entry: str | None = None) -> str:
        """The name of a file: the one asked for, else the only one, else the entry.

        Raises
        ------
        InvalidRequest
            Naming the files there are.
        """
        if name is None and len(self.files) == 1:
            return next(iter(self.files))
        wanted = name or entry
        if wanted is None or wanted not in self.files:
            names = ", ".join(map(repr, self.files)) or "none"
            asked = f"{self.title} has no file {name!r}. " if name else ""
            raise InvalidRequest(f"{asked}Say which file: name=… There are: {names}.")
        return wanted

    def write(self, folder: Path) -> list[Path]:
        """Write the files into a new folder.

        Raises
        ------
        InvalidRequest
            Where the folder has something in it.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidRequest(f"{str(folder)!r} is there already: name a new folder.")
        written = []
        for name, text in self.files.items():
            path = folder / _safe(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            written.append(path)
        return written

    def __repr__(self) -> str:
        return "\n\n".join(f"# {self.title}: {name}\n{self.shown(name).rstrip()}" for name in self.files)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return widget_bundle("listing", self)


class Listing(str):
    """Text of several lines that shows itself as it is, as a traceback should."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


def put_into_cell(text: str) -> None:
    """Put text into a new cell below, as ``%load`` does.

    Raises
    ------
    InvalidRequest
        Where there is no notebook.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise InvalidRequest("There is no notebook to put a cell into: read comp.code(…).files instead.")
    shell.set_next_input(text, replace=False)


def _safe(name: str) -> str:
    # Somebody else names the files, and must not choose where on this machine they go.
    if re.search(r"[\\\0:]", name) or not all(part.strip(".") for part in name.split("/")):
        raise InvalidRequest(f"A file is named {name!r}, which is not safe to write.")
    return name


def _cells(text: str) -> str:
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        return text
    return "\n\n".join(f"# %%\n{source}" for source in sources if source.strip()) + "\n"
