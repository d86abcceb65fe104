"""What is wrong with a competition's files before any is read as data. Reads no values."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePath

from kit.competition import FILE, Competition, Question
from kit.errors import Problem

HUGE_BYTES = 1_000_000_000
"""Each participant downloads the data; above this it deserves a second thought."""


def file_problems(competition: Competition, now: datetime) -> list[Problem]:
    """Problems of dates, rules, baselines, sizes, and of secrets that are not kept."""
    problems = []
    if competition.closes_at <= now:
        text = f"{competition.closes_at} has passed: nobody can submit."
        problems.append(Problem(FILE, "closes_at", text, "Set a later time.", warning=True))
    problems += _rules_problems(competition)
    for question in competition.question:
        problems += _baseline_problems(competition, question)
        problems += _readable_by_others(competition, question.truth)
        problems += _published_secrets(competition, question)
        problems += _same_names(question)
    return [*problems, *_huge_files(competition)]


def published(competition: Competition) -> Iterator[tuple[str, str, str]]:
    """Question, key and path of each file that participants get and that is there."""
    for q in competition.question:
        named = [("data", path) for path in q.data]
        named += [("sample_submission", q.sample_submission)] if q.sample_submission else []
        for key, path in named:
            if (competition.directory / path).is_file():
                yield q.id, f"question '{q.id}': {key}", path


def _rules_problems(competition: Competition) -> Iterator[Problem]:
    path = competition.directory / (competition.rules or "")
    if competition.rules is None or not path.is_file():
        return
    try:
        if not path.read_text(encoding="utf-8").strip():
            fix = "Write what participants must accept, or take the key 'rules' out."
            yield Problem(competition.rules, "", "is empty.", fix)
    except UnicodeDecodeError as error:
        yield Problem(competition.rules, "", f"is not UTF-8: {error}.", "Save it as UTF-8.")


def _baseline_problems(competition: Competition, question: Question) -> Iterator[Problem]:
    key = f"question '{question.id}': baselines"
    for pattern in question.baselines:
        if PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
            text = f"'{pattern}' leads out of the competition's folder."
            yield Problem(FILE, key, text, "Move the notebooks inside.")
        elif not any(competition.directory.glob(pattern)):
            yield Problem(
                FILE, key, f"'{pattern}' matches no file.", "Add one, or mend the path.", warning=True
            )


def _readable_by_others(competition: Competition, path: str) -> Iterator[Problem]:
    """By the mode bits of the file and of the folders above it, up to the competition's own."""
    full = competition.directory / path
    if os.name != "posix" or not full.is_file():
        return
    mode = full.stat().st_mode
    folders = [f for f in full.parents if f.is_relative_to(competition.directory)]
    entered = [stat.S_IXGRP, stat.S_IXOTH]
    for read, enter in zip((stat.S_IRGRP, stat.S_IROTH), entered, strict=True):
        if mode & read and all(folder.stat().st_mode & enter for folder in folders):
            text = f"can be read by other accounts of this machine (mode {stat.S_IMODE(mode):o})."
            parent = PurePath(path).parent
            lock_folder = f"chmod 700 {parent} && " if parent.parts else ""
            fix = f"Run in the competition's folder: {lock_folder}chmod 600 {path}"
            yield Problem(path, "", text, fix, warning=True)
            return


def _published_secrets(competition: Competition, question: Question) -> Iterator[Problem]:
    """The truth under another name, its folder, and the competition's own file, given to participants."""
    truth = (competition.directory / question.truth).resolve()
    for _, key, path in published(competition):
        full = (competition.directory / path).resolve()
        if full == competition.directory / FILE:
            fix = "Take it out: it may hold an invitation code."
            yield Problem(FILE, key, f"'{path}' is the organizers' own file.", fix)
        if full == truth or not truth.is_file():
            continue
        if _same_content(full, truth):
            text = f"'{path}' is a copy of the truth '{question.truth}', and participants get it."
            yield Problem(FILE, key, text, "Take it out.")
        elif full.parent == truth.parent:
            text = f"'{path}' lies in one folder with the truth '{question.truth}'."
            fix = "Keep the truth in a folder of its own, such as private/."
            yield Problem(FILE, key, text, fix, warning=True)


def _same_content(a: Path, b: Path) -> bool:
    return a.stat().st_size == b.stat().st_size and _digest(a) == _digest(b)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _same_names(question: Question) -> Iterator[Problem]:
    by_name: dict[str, list[str]] = {}
    for path in dict.fromkeys((*question.data, *filter(None, [question.sample_submission]))):
        by_name.setdefault(PurePath(path).name, []).append(path)
    for name, paths in by_name.items():
        if len(paths) > 1:
            text = f"{', '.join(map(repr, paths))} are all called '{name}', and participants get one folder."
            yield Problem(FILE, f"question '{question.id}': data", text, "Give each its own name.")


def _huge_files(competition: Competition) -> Iterator[Problem]:
    for path in dict.fromkeys(path for _, _, path in published(competition)):
        n_bytes = (competition.directory / path).stat().st_size
        if n_bytes > HUGE_BYTES:
            text = f"has {n_bytes / 1e9:.1f} GB, and each participant downloads it."
            yield Problem(path, "", text, "Write Parquet, or leave out what nobody needs.", warning=True)
