"""Bring a submission's files together as a folder to run; nothing in them is executed or followed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from kit.errors import InvalidRequest

_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.pyc", "training_output")


def gather(source: Path, target: Path, *, entries: Sequence[str]) -> Path:
    """Copy a submission, a file or a folder of modules, into the new folder ``target``.

    Parameters
    ----------
    entries : sequence of str
        Files that are needed; a single file stands for the first of them, whatever its name.

    Raises
    ------
    InvalidRequest
    """
    if source.is_file():
        if len(entries) > 1:
            raise InvalidRequest(f"{source} is one file, and {_listed(entries)} are needed. Name a folder.")
        target.mkdir(parents=True)
        shutil.copyfile(source, target / entries[0])
        return target
    if not source.is_dir():
        raise InvalidRequest(f"There is no submission {source}.")
    missing = [name for name in entries if not (source / name).is_file()]
    if missing:
        there = _listed(sorted(path.name for path in source.iterdir() if path.is_file())) or "no file"
        raise InvalidRequest(f"{source} lacks {_listed(missing)}; there is {there}.")
    shutil.copytree(source, target, symlinks=True, ignore=_LEFT_OUT)
    return target


def submissions_of(directory: Path) -> Iterator[Path]:
    """The submissions a competition's folder has: each folder, module and notebook in ``submissions/``."""
    folder = directory / "submissions"
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.suffix in (".py", ".ipynb") or (path.is_dir() and any(path.glob("*.py"))):
            yield path


def find_submission(directory: Path, name: str) -> Path:
    """A submission by its name in ``submissions/``, or by its path.

    Raises
    ------
    InvalidRequest
        Names those there are.
    """
    folder = directory / "submissions"
    for path in (Path(name), folder / name, folder / f"{name}.py", folder / f"{name}.ipynb"):
        if path.exists():
            return path
    known = _listed([path.stem for path in submissions_of(directory)])
    there = f"there are {known}" if known else "there are none"
    raise InvalidRequest(
        f"There is no submission '{name}': neither a path, nor in submissions/, where {there}."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
