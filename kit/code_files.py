"""Submitted code as files: its kind by name, what is refused, unpacking. It is read here, never run."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kit.errors import InvalidRequest
from kit.notebook_files import read_notebook
from kit.submission import Kind

MOST_FILES = 200
MOST_BYTES = 20_000_000
"""Of all files together, as sent and unpacked."""
MOST_SHOWN_BYTES = 1_000_000
_KINDS = {".py": Kind.CODE, ".zip": Kind.CODE, ".ipynb": Kind.NOTEBOOK}
_IS_WHAT = {
    Kind.CODE: "is code",
    Kind.NOTEBOOK: "is a notebook",
    Kind.PREDICTIONS: "is taken for predictions",
}
_WAYS = {
    Kind.PREDICTIONS: "a CSV or Parquet file",
    Kind.CODE: "a .py file or a .zip of modules",
    Kind.NOTEBOOK: "an .ipynb notebook",
}
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_END_BYTES, _LOCATOR_BYTES = 22, 20
_MOST_DIRECTORY_BYTES = 2 * MOST_FILES * 512
_IGNORED = {"__pycache__", "__MACOSX"}


def kind_of(filename: str) -> Kind:
    """The kind of submission that a file of that name is.

    >>> kind_of("Model.PY"), kind_of("predictions.csv.gz")
    (<Kind.CODE: 'code'>, <Kind.PREDICTIONS: 'predictions'>)
    """
    return _KINDS.get(PurePosixPath(filename).suffix.lower(), Kind.PREDICTIONS)


def check_kind(filename: str, kinds: Sequence[str], question: str) -> Kind:
    """The kind of a file, where the question takes it.

    Raises
    ------
    InvalidRequest
        Names what it takes.
    """
    kind = kind_of(filename)
    if kind in kinds:
        return kind
    wanted = " or ".join(f"{each}: {_WAYS[Kind(each)]}" for each in kinds)
    raise InvalidRequest(f"{filename!r} {_IS_WHAT[kind]}; question '{question}' takes {wanted}.")


def check_code(path: Path, filename: str, entries: Sequence[str]) -> None:
    """Refuse a file that cannot be unpacked safely, lacks what is imported first, or is no notebook.

    Parameters
    ----------
    path : Path
        Where it was received; ``filename`` is what its sender calls it.
    entries : sequence of str
        Files that must be there. Where it is one module, that may be sent alone, by any name.

    Raises
    ------
    InvalidRequest
        Names what is wrong with it, and the way out.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InvalidRequest(f"{filename!r} is larger than {MOST_BYTES / 1e6:g} MB. Send the modules alone.")
    if kind_of(filename) is Kind.NOTEBOOK:
        read_notebook(path.read_bytes(), filename)
        return
    if PurePosixPath(filename).suffix.lower() != ".zip":
        if len(entries) > 1 or not entries[0].endswith(".py"):
            raise InvalidRequest(
                f"{filename!r} is one file, and needed is {_listed(entries)}: send a .zip of all."
            )
        _text(filename, path.read_bytes())
        return
    with _opened(path, filename) as archive:
        members = _members(archive, filename)
        for member, name in members:
            content = _content(archive, member, filename)
            if name.suffix == ".py":
                _text(name.as_posix(), content)
    names = [name.as_posix() for _, name in members]
    if missing := [entry for entry in entries if entry not in names]:
        found = ", ".join(map(repr, names[:5])) or "no file"
        raise InvalidRequest(f"{filename!r} needs {_listed(missing)} at its top. It has {found}.")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(map(repr, names))


def unpack(path: Path, filename: str, folder: Path, entry: str | None) -> None:
    """Write a code submission's files into an empty folder.

    Parameters
    ----------
    entry : str or None
        What a file that is sent alone is called there, without .py; its own name where None.

    Raises
    ------
    InvalidRequest
        As `check_code`.
    """
    if PurePosixPath(filename).suffix.lower() != ".zip":
        (folder / (f"{entry}.py" if entry else filename)).write_bytes(path.read_bytes())
        return
    with _opened(path, filename) as archive:
        for member, name in _members(archive, filename):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(_content(archive, member, filename))


def read_code(path: Path, filename: str) -> dict[str, str]:
    """The text files of a code or notebook submission by their names; others are left out."""
    if PurePosixPath(filename).suffix.lower() != ".zip":
        return {filename: path.read_text(encoding="utf-8", errors="replace")}
    found, left = {}, MOST_SHOWN_BYTES
    with _opened(path, filename) as archive:
        for member, name in _members(archive, filename):
            if (
                member.file_size <= left
                and (text := _decoded(_content(archive, member, filename))) is not None
            ):
                found[name.as_posix()] = text
                left -= member.file_size
    return found


def _opened(path: Path, filename: str) -> zipfile.ZipFile:
    _check_directory(path, filename)
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InvalidRequest(f"{filename!r} is no zip archive. Pack the folder of modules anew.") from None


def _check_directory(path: Path, filename: str) -> None:
    """Refuse a list of contents that would take much memory to read, before it is read."""
    content = path.read_bytes()[-_END_BYTES - _LOCATOR_BYTES :]
    end = content[-_END_BYTES:]
    if end[:4] != b"PK\5\6" or end[-2:] != b"\0\0" or content[:4] == b"PK\6\7":
        text = (
            "is no plain zip archive (a comment, or zip64)" if b"PK\5\6" in content else "is no zip archive"
        )
        raise InvalidRequest(f"{filename!r} {text}. Pack the folder of modules anew.")
    if int.from_bytes(end[12:16], "little") > _MOST_DIRECTORY_BYTES:
        raise InvalidRequest(f"{filename!r} has too many entries; {MOST_FILES} files are the most.")


def _members(archive: zipfile.ZipFile, filename: str) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Files to unpack with where to; a folder around all of them is taken off.

    What a member says of its size is held to when it is read: together they bound what is unpacked.
    """
    listed = archive.infolist()
    if len(listed) > 2 * MOST_FILES:
        raise InvalidRequest(f"{filename!r} has {len(listed)} entries; {MOST_FILES} files are the most.")
    members = [(m, _safe_name(m, filename)) for m in listed if not m.is_dir()]
    members = [(m, name) for m, name in members if not _is_ignored(name)]
    if len(members) > MOST_FILES:
        raise InvalidRequest(f"{filename!r} has {len(members)} files; {MOST_FILES} are the most.")
    if sum(m.file_size for m, _ in members) > MOST_BYTES:
        raise InvalidRequest(f"{filename!r} unpacks to more than {MOST_BYTES / 1e6:g} MB. Send code alone.")
    tops = {name.parts[0] for _, name in members}
    if len(tops) == 1 and all(len(name.parts) > 1 for _, name in members):
        members = [(m, PurePosixPath(*name.parts[1:])) for m, name in members]
    _check_distinct([name for _, name in members], filename)
    return members


def _safe_name(member: zipfile.ZipInfo, filename: str) -> PurePosixPath:
    name = member.filename
    path = PurePosixPath(name)
    parts = name.split("/")
    if path.is_absolute() or "\\" in name or ":" in parts[0] or any(p in ("", ".", "..") for p in parts):
        raise InvalidRequest(f"{filename!r} holds {name!r}, which leads outside. Pack the folder anew.")
    if len(name) > 200 or not name.isprintable():
        raise InvalidRequest(f"{filename!r} holds a file named {name[:60]!r}. Give it a short, plain name.")
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise InvalidRequest(
            f"{name!r} in {filename!r} is a link or no plain file. Put the file itself there."
        )
    if member.flag_bits & 0x1 or member.compress_type not in _PACKED:
        raise InvalidRequest(f"{name!r} in {filename!r} is encrypted or packed oddly. Use a plain zip.")
    return path


def _is_ignored(name: PurePosixPath) -> bool:
    return name.suffix == ".pyc" or any(p in _IGNORED or p.startswith(".") for p in name.parts)


def _check_distinct(names: Sequence[PurePosixPath], filename: str) -> None:
    files = [name.as_posix().casefold() for name in names]
    folders = {parent.as_posix().casefold() for name in names for parent in name.parents}
    if twice := [name for name in files if files.count(name) > 1 or name in folders]:
        raise InvalidRequest(f"{filename!r} holds {twice[0]!r} twice. Pack the folder anew.")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, filename: str) -> bytes:
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size + 1)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zlib.error):
        raise InvalidRequest(f"{member.filename!r} in {filename!r} is damaged. Pack it anew.") from None
    if len(content) != member.file_size:
        raise InvalidRequest(f"{member.filename!r} in {filename!r} is not of the size it says. Pack it anew.")
    return content


def _text(name: str, content: bytes) -> None:
    if _decoded(content) is None:
        raise InvalidRequest(f"{name!r} is no text in UTF-8, so it is no Python. Save it as UTF-8.")


def _decoded(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
