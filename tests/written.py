"""Notebooks written as Python, with ``# %%`` above each cell, and what running them must lead to."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.iterdir())
_CELL = re.compile(r"^# %%(?: \[(\w+)\])?\n", re.MULTILINE)


@dataclass(frozen=True)
class Expected:
    """What a notebook must get, as its expect.toml says."""

    verdict: str
    reason: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """Stands in the notebook as it ran."""
    never: tuple[str, ...] = ()
    n_done: int | None = None
    limits: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str) -> Expected:
        return cls(**tomllib.loads((NOTEBOOKS / name / "expect.toml").read_text()))


def notebook_of(name: str, targets: dict[str, Any], changed: Callable[[str], str] = str) -> bytes:
    """A notebook of the folder, told in its first cell where to look, if it asks."""
    text = changed((NOTEBOOKS / name / "submission.py").read_text())
    if "targets" in text:
        text = text.replace("# %%\n", f"# %%\ntargets = {targets!r}\n", 1)
    return notebook(text)


def notebook(text: str, **facts: Any) -> bytes:
    """A notebook of cells, each below a line ``# %%`` or ``# %% [tag]``."""
    _, *parts = _CELL.split(text)
    cells = [_cell(tag, source) for tag, source in zip(parts[::2], parts[1::2], strict=True)]
    metadata = {"kernelspec": {"name": "left-behind-kernel", "language": "python"}}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells, **facts}
    ).encode()


def _cell(tag: str | None, source: str) -> dict[str, Any]:
    metadata = {"tags": [tag]} if tag else {}
    old = {"output_type": "stream", "name": "stdout", "text": "of an earlier run"}
    cell = {"cell_type": "code", "metadata": metadata, "execution_count": 7, "outputs": [old]}
    return cell | {"source": source.rstrip("\n").splitlines(keepends=True)}
