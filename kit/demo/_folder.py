"""The demo's folder: what was copied into it, what was done in it, and that one demo at a time uses it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.cli.screen import tell
from kit.errors import OrganizerError

STATE = "demo.json"
STOPPING_S = 20.0


class Folder:
    """A folder that holds everything of a demo."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.competitions = path / "competitions"
        self.notebooks = path / "notebooks"
        self.store = path / "data"
        self.logs = path / "logs"
        self.jupyter = path / "jupyter"

    def make(self) -> None:
        """Make the folders.

        Raises
        ------
        OrganizerError
            It holds something else.
        """
        if self.path.exists() and any(self.path.iterdir()) and not (self.path / STATE).exists():
            raise OrganizerError(f"{self.path} holds something else: name another folder with --dir.")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.competitions, self.notebooks, self.logs, self.jupyter):
            folder.mkdir(exist_ok=True)
        if not (self.path / STATE).exists():
            self.remember()

    def remove(self) -> None:
        """Remove everything, if it is a demo's."""
        if not self.path.exists():
            return
        if any(self.path.iterdir()) and not (self.path / STATE).is_file():
            raise OrganizerError(f"{self.path} is no demo's folder, and is not removed.")
        with self.locked():
            shutil.rmtree(self.path)

    @property
    def state(self) -> dict[str, Any]:
        """What an earlier run has noted."""
        try:
            return dict(json.loads((self.path / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def remember(self, **facts: Any) -> None:
        """Note facts for the next run."""
        scratch = self.path / f".{STATE}"
        scratch.write_text(json.dumps({**self.state, **facts}, indent=1), encoding="utf-8")
        scratch.replace(self.path / STATE)

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Keep other demos out; gives the lock's descriptor, for whoever has to hold it longer.

        Raises
        ------
        OrganizerError
            A demo runs here.
        """
        with (self.path / ".lock").open("a+") as lock:
            waited = time.monotonic() + STOPPING_S
            while not _take(lock.fileno()):
                lock.seek(0)
                if _is_alive(lock.read()) or time.monotonic() > waited:
                    text = f"A demo runs in {self.path}: stop it first, or name another folder with --dir."
                    raise OrganizerError(text)
                tell("An earlier demo is still being stopped …")
                time.sleep(1)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield lock.fileno()

    def copy_in(self, source: Path, target: Path) -> None:
        """Copy a folder's files; those that were changed here since they were copied are left alone."""
        copied: dict[str, str] = self.state.get("copied", {})
        for file in sorted(path for path in source.rglob("*") if path.is_file() and _is_wanted(path)):
            here = target / file.relative_to(source)
            key = here.relative_to(self.path).as_posix()
            if here.exists() and hash_of(here) != copied.get(key):
                continue
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, here)
            copied[key] = hash_of(file)
        self.remember(copied=copied)


def hash_of(*paths: Path) -> str:
    """Hash of the content of files, and of all files in folders, with their names."""
    digest = hashlib.sha256()
    for path in paths:
        files = (
            sorted(p for p in path.rglob("*") if p.is_file() and _is_wanted(p)) if path.is_dir() else [path]
        )
        for file in files:
            digest.update(f"{file.relative_to(path)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _is_wanted(path: Path) -> bool:
    return not {".ipynb_checkpoints", "__pycache__"} & set(path.parts)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
