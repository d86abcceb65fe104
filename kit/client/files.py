"""A competition's files on this machine: shared or downloaded once, verified. Reads no predictions."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kit.client.http import Json, quoted
from kit.client.progress import bar
from kit.client.service import Client
from kit.client.shared import link_shared
from kit.errors import NotFound, ServiceError

if TYPE_CHECKING:
    import pandas as pd

_CHUNK_BYTES = 1 << 18
_TABLES = re.compile(r"^(?P<stem>.+?)\.(?P<kind>csv|parquet)(?:\.(?:gz|zst|bz2|xz))?$", re.IGNORECASE)


def cache_dir() -> Path:
    """Where downloads are kept: KIT_CACHE, else the person's cache folder."""
    if home := os.environ.get("KIT_CACHE"):
        return Path(home)
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("kit"))


def download(client: Client, slug: str, question: Json) -> Path:
    """The folder with a question's files, of which only the missing and the damaged are fetched.

    What the service shares with all accounts of this machine is linked to and read in place.

    Parameters
    ----------
    question : dict
        As in the competition's overview: ``id`` and ``data`` with ``name``, ``bytes`` and ``sha256``,
        and ``question`` where it is another's.
    """
    entries = question["data"]
    folder = _folder(client.url, slug, question)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [entry for entry in entries if not _is_intact(folder / _safe(entry["name"]), entry)]
    if missing:
        missing = link_shared(client, slug, question, missing, folder, is_intact=_is_intact)
    absent = [entry for entry in missing if not _is_intact(_by_hash(entry), entry)]
    if absent:
        client.require_login()
        with bar(f"{slug}: {len(absent)} files", sum(entry["bytes"] for entry in absent)) as advance:
            for entry in absent:
                _fetch(client, _path(slug, question, entry), entry, advance)
    for entry in missing:
        _place(_by_hash(entry), folder / entry["name"])
    return folder


def read_tables(folder: Path, question: Json) -> dict[str, pd.DataFrame]:
    """The CSV and Parquet files of a question as frames, by the stem of their names."""
    return {key: _read(folder / name, kind, question) for key, (name, kind) in table_files(question).items()}


def table_files(question: Json) -> dict[str, tuple[str, str]]:
    """Name and kind ("csv" or "parquet") of the files that are tables, by stem.

    Files whose stems are the same go by their whole names.
    """
    found = [(match, entry["name"]) for entry in question["data"] if (match := _TABLES.match(entry["name"]))]
    stems = [match["stem"] for match, _ in found]
    return {
        (match["stem"] if stems.count(match["stem"]) == 1 else name): (name, match["kind"].lower())
        for match, name in found
    }


def row_ids(folder: Path, question: Json) -> tuple[str, Sequence[Any]]:
    """The ids in the row order of the sample submission, else of the test data; and that file's name.

    Raises
    ------
    NotFound
        Where there is no such file.
    """
    id_column, tables = question["id_column"], table_files(question)
    sample = question.get("sample_submission")
    wanted = [name for name, _ in tables.values() if name == sample]
    wanted += [name for key, (name, _) in tables.items() if key == "test" and name not in wanted]
    for key, (name, kind) in tables.items():
        if name in wanted[:1]:
            frame = _read(folder / name, kind, question)
            if id_column in frame.columns:
                return str(key), frame[id_column]
    raise NotFound(
        f"Question {question['id']!r} has no sample submission and no test table to take the row order from. "
        f"Pass a DataFrame with the column {id_column!r}."
    )


def _folder(url: str, slug: str, question: Json) -> Path:
    listing = [(entry["name"], entry["sha256"]) for entry in question["data"]]
    digest = hashlib.sha256(repr(sorted(listing)).encode()).hexdigest()[:10]
    service = re.sub(r"[^A-Za-z0-9.-]+", "_", url.split("://", 1)[-1]) or urlsplit(url).netloc
    return cache_dir() / "data" / service / _safe(slug) / f"{_safe(question['id'])}-{digest}"


def _path(slug: str, question: Json, entry: Json) -> str:
    asked = quoted(entry.get("question", question["id"]))
    return f"/competitions/{quoted(slug)}/questions/{asked}/data/{quoted(entry['name'])}"


def _by_hash(entry: Json) -> Path:
    return cache_dir() / "by-hash" / _safe(entry["sha256"])


def _safe(name: str) -> str:
    # The names come from a service, which must not choose where on this machine they go.
    if name in {"", ".", ".."} or re.search(r"[/\\\0:]", name):
        raise ServiceError(f"The service sent a file name that cannot be used: {name!r}.")
    return name


def _is_intact(file: Path, entry: Json) -> bool:
    try:
        if file.stat().st_size != entry["bytes"]:
            return False
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == str(entry["sha256"])
    except OSError:
        return False


def _fetch(client: Client, path: str, entry: Json, advance: Callable[[int], object]) -> None:
    target = _by_hash(entry)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".download-")
    try:
        with os.fdopen(descriptor, "wb") as file, client.stream(path) as response:
            for piece in response.iter_bytes(_CHUNK_BYTES):
                file.write(piece)
                digest.update(piece)
                advance(len(piece))
        if digest.hexdigest() != entry["sha256"]:
            raise ServiceError(
                f"{entry['name']} arrived damaged: its SHA-256 is {digest.hexdigest()[:12]}…, "
                f"not {entry['sha256'][:12]}…. Try again; if it happens again, tell the organizer."
            )
        Path(scratch).replace(target)
    finally:
        Path(scratch).unlink(missing_ok=True)


def _place(source: Path, target: Path) -> None:
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    # A copy, not a link: whoever edits the file in the folder must not edit the kept one.
    shutil.copyfile(source, scratch)
    scratch.replace(target)
    with suppress(OSError):
        target.chmod(0o644)


def _read(file: Path, kind: str, question: Json) -> pd.DataFrame:
    import pandas as pd

    from kit.tables import read_csv

    if kind == "parquet":
        return pd.read_parquet(file)
    id_column = question["id_column"]
    frame = read_csv(file, ids=[id_column], classes=question["target"] if question.get("classes") else ())
    if id_column in frame.columns:
        # Read as numbers only what reads back the same.
        numbers = pd.to_numeric(frame[id_column], errors="coerce")
        if pd.api.types.is_integer_dtype(numbers) and (numbers.astype("str") == frame[id_column]).all():
            frame[id_column] = numbers
    return frame
