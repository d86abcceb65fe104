"""What sandboxes see of a problem.py: its modules, and none of its data but folders of inputs."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePath

from kit.competition import Competition, Question, version_files

STEPS = Path(__file__).with_name("ramp_steps.py")


def stage(competition: Competition, question: Question, target: Path) -> Path:
    """A folder with the problem's modules and nothing else: what a sandbox may see of it."""
    assert question.code is not None and question.code.problem is not None
    problem = PurePath(question.code.problem)
    target.mkdir(parents=True)
    shutil.copyfile(STEPS, target / STEPS.name)
    shutil.copyfile(competition.directory / problem, target / "problem.py")
    modules = [path for path in version_files(competition, question) if path.endswith(".py")]
    for path in map(PurePath, modules):
        if path != problem and path.is_relative_to(problem.parent):
            to = target / path.relative_to(problem.parent)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(competition.directory / path, to)
    imports = competition.directory / problem.parent / "external_imports"
    if imports.is_dir():
        shutil.copytree(imports, target / "external_imports", ignore=shutil.ignore_patterns("*.csv", "data"))
    make_readable(target)
    return target


def make_readable(folder: Path) -> None:
    """Let sandboxes read a folder, where they have another account; folders above it keep others out."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
