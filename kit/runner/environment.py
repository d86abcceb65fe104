"""Python environments made of a requirements file: built once, found again by what was asked for."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kit.errors import OrganizerError

NEEDED = ("numpy", "pandas", "pyarrow")
"""Inputs cross by these; installed beside what is asked for, in versions that go with it."""

_DONE = "complete"


def environment_of(requirements: Path, *, cache: Path | None = None, needed: Sequence[str] = NEEDED) -> Path:
    """The interpreter of an environment with these requirements; the first time, it is built.

    Parameters
    ----------
    cache : Path or None
        Where environments are kept, by default the account's cache folder.

    Raises
    ------
    OrganizerError
        With the end of what pip said.
    """
    asked = [requirements.read_bytes(), "\n".join(needed).encode(), sys.version.encode()]
    key = hashlib.sha256(b"\0".join(asked)).hexdigest()[:32]
    folder = (cache or _cache()) / key
    python = folder / "bin" / "python"
    with _alone(folder):
        if not (folder / _DONE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, python, requirements, needed)
            (folder / _DONE).touch()
    return python


def _build(folder: Path, python: Path, requirements: Path, needed: Sequence[str]) -> None:
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [*install, "--requirement", str(requirements), *needed],
    ):
        done = subprocess.run(command, capture_output=True, text=True, cwd=requirements.parent)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise OrganizerError(f"The environment of {requirements.name} cannot be made:\n{said}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from building the same at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("competition-kit")) / "environments"
