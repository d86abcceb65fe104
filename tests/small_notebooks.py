"""Writes small reference notebooks."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import v4


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of a parameters cell and the given code cells."""
    parameters = v4.new_code_cell(
        'data_dir = "data"\noutput_path = "predictions.csv"', metadata={"tags": ["parameters"]}
    )
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook = v4.new_notebook(
        cells=[v4.new_markdown_cell("# Tried"), parameters, *map(v4.new_code_cell, cells)],
        metadata={"kernelspec": kernel, "language_info": {"name": "python"}},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path
