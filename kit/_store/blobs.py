"""Files kept by the hash of their content: written once, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Blob:
    """A kept file."""

    sha256: str
    n_bytes: int


class BlobWriter:
    """Takes bytes as they stream in; nothing is kept before ``keep``."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        descriptor, name = tempfile.mkstemp(dir=blobs.incoming)
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._digest = hashlib.sha256()
        self.n_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append a chunk."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self.n_bytes += len(chunk)

    def look(self) -> Path:
        """What was written so far, as a file to be looked into before it is kept."""
        self._file.flush()
        return self._path

    def keep(self) -> Blob:
        """Make the file durable under its hash; when this returns, a power cut does not lose it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sha256 = self._digest.hexdigest()
        target = self._blobs.path(sha256)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        self._path.replace(target)
        _sync_directory(target.parent)
        return Blob(sha256, self.n_bytes)

    def discard(self) -> None:
        """Forget what was written; harmless after ``keep``."""
        # Closing writes what is left, for which a full disk has no room.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


class Blobs:
    """A folder of files named by their SHA-256."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.incoming = directory / "incoming"
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where a file lies, or would."""
        return self.directory / sha256[:2] / sha256

    def writer(self) -> BlobWriter:
        """Begin a new file."""
        return BlobWriter(self)

    def add(self, content: bytes) -> Blob:
        """Keep bytes that are in memory already."""
        writer = self.writer()
        try:
            writer.write(content)
            return writer.keep()
        finally:
            writer.discard()

    def add_file(self, path: Path) -> str:
        """Keep a copy of a file; returns its hash."""
        writer = self.writer()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_PIECE_BYTES):
                    writer.write(chunk)
            return writer.keep().sha256
        finally:
            writer.discard()

    def read(self, sha256: str) -> bytes:
        """The whole of a file."""
        return self.path(sha256).read_bytes()

    def clear_incoming(self) -> None:
        """Remove what uploads left that never ended; call it while no upload runs."""
        for left in self.incoming.iterdir():
            left.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
