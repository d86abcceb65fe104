"""One file that holds all of a store, written while its service runs."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from kit.errors import OrganizerError
from kit.store import Store

DATABASE = "kit.db"
_MEMBER = re.compile(
    r"kit\.db|blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})|versions/(?:(?!\.)[^/\x00]+/)+(?!\.)[^/\x00]+"
)

OnBytes = Callable[[int, int], object]
"""Told how many bytes are done, of how many."""


def write_backup(store: Store, file: Path, *, on_bytes: OnBytes | None = None) -> int:
    """Write database and blobs into a new tar file, gzipped where its name ends in gz; returns its size.

    Raises
    ------
    OrganizerError
        The file exists, cannot be written, or its name says that it is something else.
    """
    if not file.name.endswith((".tar", ".tar.gz", ".tgz")):
        raise OrganizerError(f"{file} is no name of a tar file: take {file.stem}.tar, or {file.stem}.tar.gz.")
    if file.exists():
        raise OrganizerError(f"{file} exists, and no backup is overwritten: name another file.")
    try:
        with tempfile.TemporaryDirectory(dir=file.resolve().parent, prefix=".backup-") as folder:
            scratch = Path(folder)
            # The database first: a blob is kept before its row is, so every row's blob is there by then.
            store.backup(scratch / DATABASE)
            members = [(DATABASE, scratch / DATABASE), *_blobs(store), *_versions(store)]
            _write_tar(scratch / "tar", members, gzipped=file.name.endswith("gz"), on_bytes=on_bytes)
            (scratch / "tar").replace(file)
    except OSError as error:
        raise OrganizerError(f"The backup cannot be written to {file}: {error.strerror}.") from error
    return file.stat().st_size


def restore_backup(file: Path, directory: Path, *, on_bytes: OnBytes | None = None) -> None:
    """Make a store of a backup; each file in it is checked first.

    Raises
    ------
    OrganizerError
        The folder holds something, or the backup is damaged.
    """
    if directory.exists() and any(directory.iterdir()):
        raise OrganizerError(f"{directory} is not empty, and nothing is overwritten: name a new folder.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.resolve().parent, prefix=".restore-") as folder:
        scratch = Path(folder) / "store"
        scratch.mkdir(mode=0o700)
        try:
            _extract(file, scratch, on_bytes)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise OrganizerError(f"{file} cannot be read as a backup: {error}.") from error
        _check_database(file, scratch / DATABASE)
        scratch.replace(directory)


def _blobs(store: Store) -> Iterator[tuple[str, Path]]:
    root = store.blobs.directory
    for path in sorted(root.glob("??/*")):
        yield f"blobs/{path.relative_to(root).as_posix()}", path


def _versions(store: Store) -> Iterator[tuple[str, Path]]:
    root = store.versions.directory_of_all
    for path in sorted(root.rglob("*")):
        # Links lead to the competition's folder, which is not the store's.
        is_ours = path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(root.resolve())
        if is_ours and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield f"versions/{path.relative_to(root).as_posix()}", path


def _write_tar(
    target: Path, members: list[tuple[str, Path]], *, gzipped: bool, on_bytes: OnBytes | None
) -> None:
    total, done = sum(path.stat().st_size for _, path in members), 0
    with tarfile.open(target, "w:gz" if gzipped else "w") as tar:
        for name, path in members:
            tar.add(path, name, recursive=False)
            done += path.stat().st_size
            if on_bytes is not None:
                on_bytes(done, total)
    target.chmod(0o600)


def _extract(file: Path, directory: Path, on_bytes: OnBytes | None) -> None:
    total = file.stat().st_size
    with file.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
        for member in tar:
            found = _MEMBER.fullmatch(member.name)
            if not member.isreg() or found is None:
                raise OrganizerError(f"{file} is no backup of the kit: it holds {member.name!r}.")
            source = tar.extractfile(member)
            assert source is not None
            _copy(source, directory / member.name, file, sha256=found[2])
            if on_bytes is not None:
                on_bytes(raw.tell(), total)


def _copy(source: IO[bytes], target: Path, file: Path, *, sha256: str | None) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as copy:
        while piece := source.read(1 << 20):
            digest.update(piece)
            copy.write(piece)
    target.chmod(0o600)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise OrganizerError(f"{file} is damaged: the content of {target.name[:12]}… does not fit its hash.")


def _check_database(file: Path, database: Path) -> None:
    if not database.is_file():
        raise OrganizerError(f"{file} is no backup of the kit: it holds no {DATABASE}.")
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            found = connection.execute("pragma integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise OrganizerError(f"{file} is damaged: its database is not whole ({found}).")
