"""A participant's code, looked at and made ready to send; it is read here, never run."""

from __future__ import annotations

import ast
import io
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.code_files import check_code, unpack
from kit.errors import InvalidRequest
from kit.notebook_files import check_contract, read_notebook

MOST_FILES = 200
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_KINDS = {".py": "code", ".zip": "code", ".ipynb": "notebook"}
_WAYS = {
    "predictions": "a CSV or Parquet file",
    "code": "a .py file or a folder of modules",
    "notebook": "an .ipynb notebook",
}


@dataclass(frozen=True)
class Source:
    """What is sent: its kind ("code" or "notebook"), the name it goes by, its bytes, and the files in it."""

    kind: str
    filename: str
    content: bytes
    files: tuple[str, ...]

    def write(self, folder: Path, *, entry: str) -> None:
        """Write the modules into a folder, as the service does before it runs them."""
        with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
            sent = Path(scratch) / "sent"
            sent.write_bytes(self.content)
            unpack(sent, self.filename, folder, entry)


def kind_of(path: Path) -> str:
    """The kind of submission a path is, by its name: code, notebook or predictions."""
    if path.is_dir():
        return "code"
    return _KINDS.get(path.suffix.lower(), "predictions")


def check_kind(path: Path, kinds: list[str]) -> str:
    """The kind of a path, where the question takes it.

    Raises
    ------
    InvalidRequest
        Naming what it takes.
    """
    kind = kind_of(path)
    if kind in kinds:
        return kind
    if path.is_dir():
        raise InvalidRequest(f"{str(path)!r} is a folder: name a file in it.")
    wanted = " or ".join(f"{each}: {_WAYS[each]}" for each in kinds if each in _WAYS)
    is_what = {"notebook": "is a notebook", "code": "is code", "predictions": "holds predictions"}[kind]
    raise InvalidRequest(f"{path.name} {is_what}; this question takes {wanted}.")


def read_source(path: Path, code: Mapping[str, Any]) -> Source:
    """The code in a file or folder, if the service may take it.

    Parameters
    ----------
    code : mapping
        What the question tells of code.

    Raises
    ------
    InvalidRequest
        Where it is no Python, has no entry or links in it, or is a notebook that uses no paths it is given.
    """
    if path.is_dir():
        _check_entry(path, code)
        files = folder_files(path)
        _check_modules(files, code)
        return Source("code", f"{path.resolve().name}.zip", packed(files), tuple(files))
    content = path.read_bytes()
    if path.suffix.lower() == ".py":
        if len(entries := _entries(code)) > 1:
            needed = " and ".join(map(repr, entries))
            raise InvalidRequest(f"{path.name} is one file, and needed is {needed}: submit a folder of them.")
        _check_modules({f"{code['submission']}.py": content}, code, named=path.name)
    elif path.suffix.lower() == ".ipynb":
        _check_notebook(path.name, content)
    else:
        check_code(path, path.name, _entries(code))
    return Source(kind_of(path), path.name, content, (path.name,))


def folder_files(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their names in it, but for hidden and compiled ones.

    Raises
    ------
    InvalidRequest
        Where there are links or too many files.
    """
    found: dict[str, Path] = {}
    for path in _walked(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise InvalidRequest(f"{name!r} in {folder.name!r} is a link: put the file itself there.")
        if path.is_file():
            found[name] = path
        if len(found) > MOST_FILES:
            raise InvalidRequest(f"{str(folder)!r} has more than {MOST_FILES} files: send the modules alone.")
    return {name: found[name].read_bytes() for name in sorted(found)}


def _walked(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        shown = (name for name in names if not name.startswith(".") and not name.endswith(".pyc"))
        yield from (Path(here, name) for name in [*folders, *sorted(shown)])


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files; equal files make equal bytes, whenever and wherever they are packed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            # Deflate's output depends on the version of zlib; as it is, it is the same everywhere.
            archive.writestr(entry, files[name], zipfile.ZIP_STORED)
    return made.getvalue()


def _check_modules(files: Mapping[str, bytes], code: Mapping[str, Any], *, named: str = "") -> None:
    trees = {name: _parsed(named or name, content) for name, content in files.items() if name.endswith(".py")}
    entry = f"{code['submission']}.py"
    if code.get("splitter") and not _may_define(trees[entry], "get_estimator"):
        raise InvalidRequest(
            f"{named or entry} defines no get_estimator(): a function without arguments that returns "
            "an estimator as of scikit-learn, with fit and predict."
        )


def _check_entry(folder: Path, code: Mapping[str, Any]) -> None:
    if missing := [name for name in _entries(code) if not (folder / name).is_file()]:
        found = ", ".join(repr(path.name) for path in sorted(folder.glob("*.py"))[:5]) or "no .py file"
        # A problem of the organizers' own, in RAMP's form, says itself what it wants.
        what = ", which defines get_estimator()" if code.get("splitter") else ""
        needed = " and ".join(map(repr, missing))
        raise InvalidRequest(f"The folder {folder.name!r} needs {needed}{what}. It has {found}.")


def _entries(code: Mapping[str, Any]) -> list[str]:
    """Files that a submission must have."""
    return code.get("entries") or [f"{code['submission']}.py"]


def _parsed(name: str, content: bytes) -> ast.Module:
    try:
        return ast.parse(content, name)
    except SyntaxError as error:
        line = (error.text or "").strip()
        shown = f"\n    {line}" if line else ""
        what = error.msg
        if line.startswith(("%", "!")):
            what = "this is IPython's, not Python's; code is sent as it stands"
        raise InvalidRequest(f"{name}, line {error.lineno}: {what}{shown}") from None
    except ValueError as error:
        raise InvalidRequest(f"{name} is no Python: {error}.") from None


def _may_define(tree: ast.Module, name: str) -> bool:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=found) | ast.ClassDef(name=found) | ast.Name(id=found) if found == name:
                return True
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                if any((alias.asname or alias.name) in (name, "*") for alias in names):
                    return True
    return False


def _check_notebook(name: str, content: bytes) -> None:
    check_contract(read_notebook(content, name), name)
