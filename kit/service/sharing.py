"""What the service shares with accounts of its machine: the files that participants get, and nothing else."""

from __future__ import annotations

from kit.service.context import Service
from kit.service.hosted import DataFile


def keep_shared(service: Service) -> None:
    """Keep the shared folder filled, where there is one."""
    if service.shared is not None:
        service.shared.keep_filled(lambda: shared_files(service))


def shared_files(service: Service) -> list[tuple[DataFile, bool]]:
    """The files of all questions in force, each with whether its competition has opened."""
    now = service.clock()
    return [
        (file, hosted.state(now) != "upcoming")
        for hosted in service.hosted.values()
        for question in hosted.questions.values()
        for file in question.files.values()
    ]
