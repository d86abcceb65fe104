"""Progress bars, in a notebook or a terminal, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FEW_BYTES = 200_000
"""Fewer bytes than these go at once, and a bar for them would only flash."""


def in_kernel() -> bool:
    """Whether this process is a notebook's kernel."""
    shell = sys.modules.get("IPython.core.interactiveshell")
    if shell is None or not shell.InteractiveShell.initialized():
        return False
    return getattr(shell.InteractiveShell.instance(), "kernel", None) is not None


@contextmanager
def bar(title: str, n_bytes: int) -> Iterator[Callable[[int], object]]:
    """A bar of bytes, if they are many; gives the function to tell of each step, which may be negative."""
    from tqdm.auto import tqdm

    hidden = True if n_bytes < FEW_BYTES else _is_hidden()
    with tqdm(
        desc=title, total=n_bytes, unit="B", unit_scale=True, unit_divisor=1024, disable=hidden
    ) as shown:
        yield shown.update


@contextmanager
def waiting(title: str) -> Iterator[Callable[[str], object]]:
    """A line that appears after a second of waiting; gives the function to change it."""
    from tqdm.auto import tqdm

    with tqdm(
        desc=title, bar_format="{desc} {elapsed}", delay=1.0, leave=False, disable=_is_hidden()
    ) as shown:

        def change(text: str) -> None:
            shown.set_description_str(text, refresh=False)
            shown.update(0)
            if shown.format_dict["elapsed"] > 1:
                shown.refresh()

        yield change


def _is_hidden() -> bool | None:
    # None: where stderr is no terminal, as in a script's log.
    return False if in_kernel() else None
