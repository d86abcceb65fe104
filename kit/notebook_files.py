"""Notebooks as files: read and checked before they are run, and put together anew afterwards. Runs nothing.

What came out of a sandbox is a participant's: of it only outputs are taken, each bounded and in the form that
notebooks have. All else of an executed notebook is what was submitted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.errors import InvalidRequest

PARAMETERS = ("train", "test", "output")
"""Names that a notebook finds its paths by: two to read, one to write."""
CONTRACT = (
    "A notebook reads the files at the paths `train` and `test` and writes predictions, CSV or Parquet with "
    'ids, to the path `output`. Give the three a value of your own in a cell with the tag "parameters": '
    "where it is judged, other values are set below that cell."
)
MOST_CELLS = 2000
OUTPUTS_BYTES = 5_000_000
"""Of all outputs of an executed notebook; what is more is left out."""
OUTPUT_BYTES = 1_000_000
"""Of one output."""

_FORMAT = {"nbformat": 4, "nbformat_minor": 5}
_KERNEL = {
    "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
    "language_info": {"name": "python"},
}
_MADE_BY_PAPERMILL = {"injected-parameters", "papermill-error-cell-tag"}
_KINDS = ("code", "markdown", "raw")
_FOLDERS = re.compile(r"/[^\s'\":]*/(?:site-packages|dist-packages|python3\.\d+)/")
_MIME = re.compile(r"[a-zA-Z0-9]{1,60}/[a-zA-Z0-9.+-]{1,100}$")
_JSON = re.compile(r"application/(.*\+)?json$")


@dataclass(frozen=True)
class Cell:
    """A cell as it was submitted, without outputs."""

    id: str
    kind: str
    source: str
    tags: tuple[str, ...] = ()

    @property
    def is_run(self) -> bool:
        """Whether there is anything in it to run."""
        return self.kind == "code" and bool(self.source.strip())

    def to_json(self, outputs: Sequence[Any] = (), number: int | None = None) -> dict[str, Any]:
        """As notebooks hold it."""
        metadata = {"tags": list(self.tags)} if self.tags else {}
        facts = {"cell_type": self.kind, "id": self.id, "metadata": metadata, "source": self.source}
        return facts | ({"outputs": list(outputs), "execution_count": number} if self.kind == "code" else {})


@dataclass(frozen=True)
class Notebook:
    """What is run of a submitted notebook: its cells. Its outputs, kernel and other metadata are dropped."""

    cells: tuple[Cell, ...]

    @property
    def run(self) -> list[Cell]:
        """The cells to run, in order; a cell's number is its place among them, from 1."""
        return [cell for cell in self.cells if cell.is_run]

    def to_json(self) -> dict[str, Any]:
        """As papermill is given it."""
        return {**_FORMAT, "metadata": _KERNEL, "cells": [cell.to_json() for cell in self.cells]}

    def executed(self, results: object, *, n_run: int, parameters: Mapping[str, str]) -> bytes:
        """The notebook with outputs.

        Parameters
        ----------
        results : object
            What a sandbox said: by cell id its ``outputs``. Anything else in it is ignored.
        n_run : int
            How many cells were run, the one that failed counted.
        parameters : mapping
            What papermill set.
        """
        numbers = {cell.id: number for number, cell in enumerate(self.run[:n_run], 1)}
        found = results if isinstance(results, dict) else {}
        room = _Room()
        cells = []
        for cell in self.cells:
            result = found.get(cell.id) if cell.id in numbers else None
            outputs = result.get("outputs") if isinstance(result, dict) else None
            number = numbers.get(cell.id)
            cells.append(cell.to_json(room.fitting(outputs, number) if cell.kind == "code" else (), number))
        cells.insert(self._injected_at, _injected(parameters).to_json())
        notebook = {**_FORMAT, "metadata": _KERNEL, "cells": cells}
        _validate(notebook)
        return json.dumps(notebook, indent=1).encode()

    @property
    def _injected_at(self) -> int:
        """Where papermill puts its cell: below the one with the tag, else first."""
        tagged = [at for at, cell in enumerate(self.cells) if "parameters" in cell.tags]
        return tagged[0] + 1 if tagged else 0


def read_notebook(content: bytes, filename: str) -> Notebook:
    """The notebook in a file.

    Raises
    ------
    InvalidRequest
        Names what is wrong with it, and the way out.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("nbformat"), int):
        raise InvalidRequest(f"{filename!r} is no notebook: it is not JSON with cells. Save it anew.")
    if found["nbformat"] != 4 or not isinstance(found.get("cells"), list):
        version = found["nbformat"]
        raise InvalidRequest(
            f"{filename!r} has notebook format {version}, and 4 is wanted. Save it anew in JupyterLab."
        )
    if len(found["cells"]) > MOST_CELLS:
        raise InvalidRequest(f"{filename!r} has {len(found['cells'])} cells; {MOST_CELLS} are the most.")
    _check_language(found, filename)
    cells = [_cell(raw, number, filename) for number, raw in enumerate(found["cells"], 1)]
    notebook = Notebook(tuple(cell for cell in cells if not _MADE_BY_PAPERMILL & set(cell.tags)))
    if not notebook.run:
        raise InvalidRequest(f"{filename!r} has no cell of code, so there is nothing to run.")
    _validate(notebook.to_json())
    return notebook


def check_contract(notebook: Notebook, filename: str) -> None:
    """Look whether a notebook uses the paths it is given, as far as that is seen without running it.

    Raises
    ------
    InvalidRequest
        Says what the contract is.
    """
    text = "\n".join(cell.source for cell in notebook.run)
    missing = [name for name in PARAMETERS[1:] if not re.search(rf"\b{name}\b", text)]
    if missing:
        named = " nor ".join(f"`{name}`" for name in missing)
        raise InvalidRequest(f"{filename!r} does not use {named}. {CONTRACT}")


def without_folders(text: str) -> str:
    """A traceback or warning that names libraries' files from the library on, not where they are here."""
    return _FOLDERS.sub("", text)


def _check_language(found: Mapping[str, Any], filename: str) -> None:
    metadata = found.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    if isinstance(language, str) and language.lower() not in ("", "python", "python3", "ipython"):
        raise InvalidRequest(f"{filename!r} is written in {language[:40]!r}; notebooks are run in Python.")


def _cell(raw: object, number: int, filename: str) -> Cell:
    facts = raw if isinstance(raw, dict) else {}
    source, metadata = _text(facts.get("source")), facts.get("metadata")
    if facts.get("cell_type") not in _KINDS or source is None:
        raise InvalidRequest(f"{filename!r}: cell {number} is no cell of a notebook. Save it anew.")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    kept = tuple(dict.fromkeys(t for t in tags if _is_tag(t))) if isinstance(tags, list) else ()
    return Cell(f"cell-{number:04}", facts["cell_type"], source, kept)


def _is_tag(tag: object) -> bool:
    return isinstance(tag, str) and 0 < len(tag) <= 100 and "," not in tag


def _text(value: object) -> str | None:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = "".join(value)
    # Half a pair of surrogates is JSON, but no text that could be written into a file.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _injected(parameters: Mapping[str, str]) -> Cell:
    lines = ["# Parameters", *(f"{name} = {json.dumps(value)}" for name, value in parameters.items())]
    return Cell("injected-parameters", "code", "\n".join(lines) + "\n", ("injected-parameters",))


def _validate(notebook: dict[str, Any]) -> None:
    import nbformat

    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise InvalidRequest(f"It is no notebook: {str(error).splitlines()[0][:200]}.") from None


class _Room:
    """Takes outputs as long as there is room, and only what notebooks may hold."""

    def __init__(self) -> None:
        self._left = OUTPUTS_BYTES

    def fitting(self, outputs: object, number: int | None) -> list[dict[str, Any]]:
        """The outputs of a cell; in place of what is too large, its size."""
        kept = []
        for raw in outputs if isinstance(outputs, list) else []:
            output = _output(raw, number)
            if output is None or self._left <= 0:
                continue
            size = len(json.dumps(output))
            if size > min(self._left, OUTPUT_BYTES):
                output = _stream("stderr", f"[output of {size} bytes, left out]\n")
                size = len(json.dumps(output))
            self._left -= size
            kept.append(output)
        return kept


def _output(raw: object, number: int | None) -> dict[str, Any] | None:
    if not isinstance(raw, dict):
        return None
    match raw.get("output_type"):
        case "stream":
            text = _text(raw.get("text"))
            if raw.get("name") != "stderr":
                return None if text is None else _stream("stdout", text)
            return None if text is None else _stream("stderr", without_folders(text))
        case "error":
            trace = raw.get("traceback")
            lines = [without_folders(_text(line) or "") for line in trace] if isinstance(trace, list) else []
            names = {key: _text(raw.get(key)) or "" for key in ("ename", "evalue")}
            return {"output_type": "error", **names, "traceback": lines}
        case "display_data" | "execute_result" as kind:
            shown = {"output_type": kind, "data": _bundle(raw.get("data")), "metadata": {}}
            return shown | ({"execution_count": number} if kind == "execute_result" else {})
    return None


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def _bundle(data: object) -> dict[str, Any]:
    """Texts by their kinds, and JSON where it is one of them."""
    kept: dict[str, Any] = {}
    for kind, value in data.items() if isinstance(data, dict) else ():
        if not _MIME.match(kind):
            continue
        text = _text(value)
        if text is not None:
            kept[kind] = text
        elif _JSON.match(kind) and _is_json(value):
            kept[kind] = value
    return kept


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True
