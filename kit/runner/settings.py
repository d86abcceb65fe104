"""How a question's code is run: limits of one fold, and the isolation that holds it. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kit.competition import Competition, Question
from kit.errors import OrganizerError
from kit.runner.environment import NEEDED, environment_of
from kit.runner.sandbox import Isolation, Level, RunLimits, detect_isolation

MB = 1_000_000


@dataclass(frozen=True)
class RunnerSettings:
    """How runs are made: limits of one fold, and what holds them."""

    limits: RunLimits
    isolation: Isolation
    python: Path | None = None
    hide_inputs: bool = False
    seed: int = 0
    repeat: bool = True


def runner_settings(
    competition: Competition, question: Question, *, least: Level | None = None
) -> RunnerSettings:
    """Settings of a question that takes code, with the best isolation this machine has.

    Parameters
    ----------
    least : Level or None
        The least isolation accepted, by default the question's.

    Raises
    ------
    OrganizerError
        The machine has less, or the environment is not there.
    """
    code = question.code
    assert code is not None
    isolation, least = detect_isolation(), least or Level(code.isolation)
    if not isolation.level.is_at_least(least):
        raise OrganizerError(
            f"Question '{question.id}' runs code only where it is '{least.value}', and here it would be "
            f"'{isolation.level.value}' ({'; '.join(isolation.missing)}). Mend that, or accept it by name: "
            f'isolation = "{isolation.level.value}" in [question.code].'
        )
    limits = RunLimits(
        cpu_s=code.cpu_s,
        wall_s=code.wall_s,
        memory_bytes=int(code.memory_mb * MB),
        n_pids=code.pids,
        disk_bytes=int(code.disk_mb * MB),
        n_threads=code.threads,
    )
    hides = code.hides_inputs(question.data)
    return RunnerSettings(limits, isolation, python_of(competition, question), hides, code.seed, code.repeat)


def python_of(competition: Competition, question: Question) -> Path | None:
    """The interpreter of the question's own environment; None where it is the kit's."""
    environment = question.code.environment if question.code else None
    if environment is None:
        return None
    if question.code and question.code.requirements:
        more = ("papermill", "ipykernel") if "notebook" in question.kinds else ()
        return environment_of(competition.directory / environment, needed=(*NEEDED, *more))
    python = competition.directory / environment / "bin" / "python"
    if not python.is_file():
        raise OrganizerError(
            f"Question '{question.id}': there is no environment in '{environment}' (no {python}). "
            "Make it with 'python -m venv', or mend code.environment."
        )
    return python
