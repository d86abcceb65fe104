"""Loads an organizer's own metric from its file, with the modules beside it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kit.errors import MetricFailed


def load_function(name: str, directory: Path) -> Callable[..., Any]:
    """The function a question names as ``file.py:function``, from the competition's folder.

    Raises
    ------
    MetricFailed
        The file cannot be imported, or holds no such function.
    """
    file, _, attribute = name.partition(":")
    spec = importlib.util.spec_from_file_location(f"kit_metric_{Path(file).stem}", directory / file)
    if spec is None or spec.loader is None:
        raise MetricFailed(f"Metric '{name}': '{file}' is no Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        with _importing_from((directory / file).parent):
            spec.loader.exec_module(module)
        function = getattr(module, attribute)
    except Exception as error:
        raise MetricFailed(f"Metric '{name}' cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise MetricFailed(f"Metric '{name}': '{attribute}' in '{file}' is no function.")
    callable_function: Callable[..., Any] = function
    return callable_function


@contextlib.contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let a metric import the modules beside it, and forget them: the next version's may differ."""
    before, writes_bytecode = set(sys.modules), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = writes_bytecode
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
