"""SharedData: participants' files in a folder that all accounts of a machine read. Decides no access."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from kit.errors import OrganizerError

log = logging.getLogger("kit.service")

MODE = 0o711
"""Of the folder: others may open a file whose name they know, and list nothing."""
PAUSE_S = 10.0
"""A full disk is not tried again at each request."""

_CLOSED, _OPEN = 0o400, 0o444
_SCRATCH = ".new-"
_OURS = re.compile(r"[0-9a-f]{64}|\.new-.*")
_CHUNK_BYTES = 1 << 20


class File(Protocol):
    """A file that participants get."""

    @property
    def path(self) -> Path: ...  # noqa: D102

    @property
    def n_bytes(self) -> int: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102


Files = Callable[[], Iterable[tuple[File, bool]]]
"""All files there are, each with whether its competition has opened."""


class SharedData:
    """Files by names that nobody can guess, in a folder that nobody else can list or write to.

    A name follows from a file's content and a key of the service: who is told the name may read the file, and
    new content has a new name. Checksums are public, so they are no names.

    Contract
    --------
    Under its name a file is whole, and others can read it only once its competition has opened. What is not
    there, for want of space say, participants download. Safe for threads.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self._key = key
        self._is_missed = threading.Event()

    def name(self, file: File) -> str | None:
        """Under what name others can read a file now; None where it is not there, and then it is seen to."""
        path = self._path(file)
        with suppress(OSError):
            if _is_sized(path, file):
                path.chmod(_OPEN)
                return path.name
        self._is_missed.set()
        return None

    def fill(self, files: Iterable[tuple[File, bool]]) -> None:
        """Put what is missing or damaged, and remove what is none of these files."""
        wanted: dict[str, tuple[File, bool]] = {}
        for file, is_open in files:
            name = self._path(file).name
            wanted[name] = file, is_open or (name in wanted and wanted[name][1])
        for path in self.folder.iterdir():
            if path.name not in wanted and _OURS.fullmatch(path.name):
                path.unlink()
        for name, (file, is_open) in wanted.items():
            path = self.folder / name
            try:
                if not _is_whole(path, file):
                    self._put(file)
                path.chmod(_OPEN if is_open else _CLOSED)
            except (OSError, OrganizerError) as error:
                log.warning("%s is not shared, but downloaded: %s", file.path, error)

    def keep_filled(self, files: Files) -> None:
        """Fill now and whenever a file is missed, in a thread that ends with the process."""
        threading.Thread(target=self._keep, args=(files,), name="kit-sharing", daemon=True).start()

    def _keep(self, files: Files) -> None:
        while True:
            self._is_missed.clear()
            try:
                self.fill(files())
            except Exception:
                log.exception("Data cannot be shared in %s", self.folder)
            time.sleep(PAUSE_S)
            self._is_missed.wait()

    def _path(self, file: File) -> Path:
        return self.folder / hmac.new(self._key, file.sha256.encode(), hashlib.sha256).hexdigest()

    def _put(self, file: File) -> None:
        descriptor, scratch = tempfile.mkstemp(prefix=_SCRATCH, dir=self.folder)
        digest = hashlib.sha256()
        try:
            with os.fdopen(descriptor, "wb") as target, file.path.open("rb") as source:
                while piece := source.read(_CHUNK_BYTES):
                    target.write(piece)
                    digest.update(piece)
                os.fchmod(descriptor, _CLOSED)
            if digest.hexdigest() != file.sha256:
                raise OrganizerError("it has changed since the service read it; restart the service")
            Path(scratch).replace(self._path(file))
        finally:
            Path(scratch).unlink(missing_ok=True)


def share(folder: Path, data: Path) -> SharedData:
    """The shared folder of a service, made where it is missing.

    Parameters
    ----------
    data : Path
        The service's own folder, which keeps the key.

    Raises
    ------
    OrganizerError
        The folder is no place for it.
    """
    folder, data = folder.absolute(), data.absolute()
    if folder.is_relative_to(data) or data.is_relative_to(folder):
        raise OrganizerError(
            f"The shared folder {folder} and the service's own, {data}, must lie beside each other."
        )
    make_place(folder, os.geteuid())
    folder.chmod(MODE)
    return SharedData(folder, _key(data / "shared.key"))


def make_place(folder: Path, uid: int) -> None:
    """Make a folder for an account where it is missing; root may do so for others.

    Raises
    ------
    OrganizerError
        Others than this account and root could put something else into its place, or did.
    """
    try:
        _check_above(folder, uid)
        with suppress(FileExistsError):
            folder.mkdir(mode=MODE)
            if uid != os.geteuid():
                os.chown(folder, uid, -1, follow_symlinks=False)
        facts = folder.lstat()
    except OSError as error:
        raise OrganizerError(
            f"Data cannot be shared in {folder}: {error.strerror}. Make it once, as root: "
            f"install -d -m {MODE:o} -o {uid} {folder}"
        ) from None
    if not stat.S_ISDIR(facts.st_mode):
        raise OrganizerError(f"{folder} is no folder: name another one for shared data.")
    if facts.st_uid != uid:
        raise OrganizerError(
            f"{folder} belongs to another account than the service's. Name a folder that is not there yet."
        )


def _check_above(folder: Path, uid: int) -> None:
    # Links on the way could be changed as well as what they lead to.
    for above in {*folder.absolute().parents, *folder.resolve().parents}:
        facts = above.stat()
        is_sticky = bool(facts.st_mode & stat.S_ISVTX)
        if facts.st_uid not in (0, uid) or (facts.st_mode & 0o022 and not is_sticky):
            raise OrganizerError(
                f"Other accounts can change {above}, and so what lies in {folder}: name a folder for shared "
                "data elsewhere, as /srv/kit-shared."
            )


def _key(file: Path) -> bytes:
    with suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(secrets.token_bytes(32))
    key = file.read_bytes()
    if len(key) != 32:
        raise OrganizerError(f"{file} is damaged: delete it, and the service makes another.")
    return key


def _is_sized(path: Path, file: File) -> bool:
    facts = path.lstat()
    return stat.S_ISREG(facts.st_mode) and facts.st_size == file.n_bytes


def _is_whole(path: Path, file: File) -> bool:
    with suppress(OSError):
        if _is_sized(path, file):
            with path.open("rb") as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    return False
