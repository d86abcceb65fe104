"""What processes tell of themselves, any of which may end while they are asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")


def asked(process: psutil.Process, ask: Callable[[psutil.Process], T], otherwise: T) -> T:
    """What a process answers, or something else where it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return ask(process)
    return otherwise


def command_of(process: psutil.Process) -> str:
    """Its command line; empty where it has ended."""
    return asked(process, lambda p: " ".join(p.cmdline()), "")


def below(pid: int, word: str = "") -> list[psutil.Process]:
    """Processes below another whose command has a word in it, its own children first."""
    found = psutil.Process(pid).children(recursive=True)
    return [process for process in found if word in command_of(process)]
