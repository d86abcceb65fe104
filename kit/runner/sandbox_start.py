"""Start the harness as a level asks for, with the rlimits it is to set itself."""

from __future__ import annotations

import os
from pathlib import Path

from kit.runner import sandbox_jail as jail
from kit.runner.sandbox import Level, RunLimits
from kit.runner.sandbox_probe import plain_account, probe
from kit.runner.sandbox_process import Process
from kit.runner.sandbox_python import read_environment
from kit.runner.sandbox_spawn import start_jailed, start_plain
from kit.runner.sandbox_tree import n_threads_of
from kit.runner.sandbox_warm import Template

HARNESS, TEMPLATE = (Path(__file__).with_name(name) for name in ("harness.py", "template.py"))
_PRELOADED = "numpy,pandas,pyarrow,sklearn.base,sklearn.pipeline,sklearn.utils.validation"
_PRELOADED_ONCE = _PRELOADED + (
    ",scipy.sparse,scipy.stats,scipy.special,sklearn.compose,sklearn.dummy,sklearn.ensemble,sklearn.impute,"
    "sklearn.linear_model,sklearn.metrics,sklearn.model_selection,sklearn.neighbors,sklearn.preprocessing,"
    "sklearn.svm,sklearn.tree,sklearn.naive_bayes,sklearn.decomposition"
)
_N_FILES = 1024
_RESERVE_BYTES = 4 * 1024**3


def start(
    level: Level,
    python: Path | None,
    mounts: tuple[Path, ...],
    limits: RunLimits,
    *,
    modules: str = _PRELOADED,
) -> Process:
    """Start a harness that has imported modules, and waits for its first message."""
    environment = read_environment(python)
    variables = jail.fixed_environment(limits.n_threads)
    command = [environment.executable, "-s", "-B"]
    if level is Level.ISOLATED:
        view = jail.View(environment, (HARNESS,), mounts, limits.disk_bytes)
        command += [f"{jail.OWN}/{HARNESS.name}", modules]
        return start_jailed(view, variables, command, staged=probe().staged)
    account = plain_account() if level is Level.LIMITED else None
    return start_plain(command, HARNESS, modules, mounts, variables, account=account)


def start_template(python: Path | None, mounts: tuple[Path, ...], limits: RunLimits) -> Template:
    """Start a jail that runs are forked from."""
    environment = read_environment(python)
    view = jail.View(environment, (HARNESS, TEMPLATE), mounts, limits.disk_bytes)
    command = [environment.executable, "-s", "-B", f"{jail.OWN}/{TEMPLATE.name}"]
    variables = jail.fixed_environment(limits.n_threads)
    return Template(view, variables, command, modules=_PRELOADED_ONCE, staged=probe().staged)


def own_limits(level: Level, limits: RunLimits, n_threads: int) -> dict[str, int]:
    """What the harness sets for itself before it touches the submission.

    Parameters
    ----------
    n_threads : int
        Threads the sandbox has before the submission starts any.
    """
    n_pids = limits.n_pids + n_threads
    if level is not Level.ISOLATED:
        # Without a user namespace all processes of the account count.
        account = plain_account()
        n_pids = limits.n_pids + n_threads_of(os.getuid() if account is None else account)
    return {
        "cpu_s": int(limits.cpu_s) + 5,
        "disk_bytes": limits.disk_bytes,
        "n_files": _N_FILES,
        "memory_bytes": limits.memory_bytes,
        "reserve_bytes": _RESERVE_BYTES,
        "n_pids": 0 if level is Level.NONE else n_pids,
    }
