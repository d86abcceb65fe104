"""Data that a service shares with all accounts of this machine: linked to, not downloaded."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from kit.client.http import Json, quoted
from kit.client.service import Client
from kit.credentials import SHARED_DATA
from kit.errors import NotFound

_NAME = re.compile(r"[0-9a-f]{64}")
_told: set[Path] = set()


def link_shared(
    client: Client,
    slug: str,
    question: Json,
    wanted: Sequence[Json],
    folder: Path,
    *,
    is_intact: Callable[[Path, Json], bool],
) -> list[Json]:
    """Link files in a folder to the shared ones of the same content; returns those that are not shared.

    Parameters
    ----------
    wanted : sequence of dict
        Entries of the question's ``data``.
    is_intact : callable
        Whether a file is what an entry says.
    """
    shared = shared_folder()
    if shared is None or not client.token:
        return list(wanted)
    names: dict[str, dict[str, str]] = {}
    left = []
    for entry in wanted:
        asked = entry.get("question", question["id"])
        if asked not in names:
            names[asked] = _names(client, slug, asked)
        name = names[asked].get(entry["name"], "")
        # The service names a file in this folder, and none elsewhere.
        is_there = bool(_NAME.fullmatch(name)) and is_intact(shared / name, entry)
        if not is_there or not _link(shared / name, folder / entry["name"]):
            left.append(entry)
    return left


def shared_folder() -> Path | None:
    """The folder that KIT_SHARED_DATA names; None where there is none, or others could change it."""
    given = os.environ.get(SHARED_DATA, "")
    if not given.startswith("/"):
        return None
    with suppress(OSError):
        facts = Path(given).lstat()
        if stat.S_ISDIR(facts.st_mode) and not facts.st_mode & 0o022:
            return Path(given)
    return None


def tell_shared(folder: Path) -> None:
    """Print, once for each folder, where its files are shared ones."""
    if folder in _told:
        return
    _told.add(folder)
    linked = sorted(path for path in folder.iterdir() if path.is_symlink())
    if linked:
        names = ", ".join(path.name for path in linked)
        print(f"Shared by all accounts, read in place from {linked[0].readlink().parent}: {names}")


def _names(client: Client, slug: str, question: str) -> dict[str, str]:
    try:
        found = client.get(f"/competitions/{quoted(slug)}/questions/{quoted(question)}/shared")
    except NotFound:
        # An older service.
        return {}
    return {str(name): str(shared) for name, shared in found["names"].items()}


def _link(target: Path, link: Path) -> bool:
    scratch = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        scratch.unlink(missing_ok=True)
        scratch.symlink_to(target)
        scratch.replace(link)
    except OSError:
        # Some file systems have no links.
        return False
    return True
