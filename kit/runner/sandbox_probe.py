"""Find out by trying what this machine can do to hold code. Nothing is believed because it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kit.runner import sandbox_jail as jail
from kit.runner.sandbox_groups import group_features
from kit.runner.sandbox_process import NotStarted, end_jail
from kit.runner.sandbox_python import read_environment
from kit.runner.sandbox_spawn import spawn
from kit.runner.sandbox_tree import account_of

NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")

# Runs in the jail; says what it sees.
_LOOK = """
import json, os, socket, sys
def tried(do):
    try:
        do()
    except OSError:
        return False
    return True
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "namespaces": {n: os.readlink(f"/proc/self/ns/{n}") for n in %r},
    "host": tried(lambda: os.stat(%r)),
    "root": any(tried(lambda: open(p, "w")) for p in ("/x", "/usr/x", "/dev/x", "/etc/passwd")),
    "kernel": tried(lambda: open("/proc/sys/kernel/core_pattern", "a")),
    "no_new_privileges": status["NoNewPrivs"].strip() == "1",
    "capabilities": int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapBnd"], 16),
    "filter": status["Seccomp"].strip() == "2" and not tried(lambda: socket.socket(socket.AF_INET)),
    "n_processes": sum(name.isdigit() for name in os.listdir("/proc")),
}))
"""


@dataclass(frozen=True)
class Found:
    """What a try gave: whether a jail holds, how root gets in, and what is in force or not."""

    holds: bool
    staged: bool
    features: tuple[str, ...]
    missing: tuple[str, ...]


@cache
def probe() -> Found:
    """Start a jail, as it would be for a run, and look from inside what holds."""
    if sys.platform != "linux":
        return Found(False, False, (), (f"namespaces: {sys.platform} has none",))
    if shutil.which("bwrap") is None:
        return Found(False, False, (), ("bubblewrap: not installed (apt install bubblewrap)",))
    why = ""
    for staged in (True, False) if jail.can_stage() else (False,):
        try:
            return _judged(_look(staged), staged)
        except (NotStarted, OSError, ValueError) as error:
            why = why or str(error) or type(error).__name__
    return Found(False, False, (), (f"namespaces: a jail does not start here ({why[:300]})",))


def _look(staged: bool) -> dict[str, object]:
    with tempfile.NamedTemporaryFile() as secret:
        code = _LOOK % (NAMESPACES, secret.name)
        environment = read_environment()
        view = jail.View(environment, (), (), 1024 * 1024)
        command = [environment.executable, "-s", "-S", "-B", "-c", code]
        process = spawn(view, jail.fixed_environment(1), command, (), staged=staged)
        try:
            account = account_of(process.root)
            process.popen.wait(60)
            said = os.read(process.output, 65536).decode(errors="replace")
            if process.popen.returncode:
                raise NotStarted(said.strip()[-300:])
            seen: dict[str, object] = json.loads(said)
            return {**seen, "account": account}
        except subprocess.TimeoutExpired as error:
            raise NotStarted("it did not answer within 60 s") from error
        finally:
            end_jail(process.popen, process.handle)
            process.group.remove()
            os.close(process.output)
            os.close(process.handle)


def _judged(seen: dict[str, object], staged: bool) -> Found:
    spaces = seen["namespaces"]
    assert isinstance(spaces, dict)
    own = {name: spaces[name] != str(Path(f"/proc/self/ns/{name}").readlink()) for name in NAMESPACES}
    assert isinstance(seen["n_processes"], int)
    checks = {
        "bubblewrap": True,
        **{f"{name} namespace": is_own for name, is_own in own.items()},
        "read-only root": not seen["root"],
        "no host files": not seen["host"],
        "no host processes": seen["n_processes"] <= 2,
        "no capabilities": not seen["capabilities"],
        "no new privileges": bool(seen["no_new_privileges"]),
        "kernel settings closed": not seen["kernel"],
        "account that is not root": seen["account"] != 0,
        "seccomp": bool(seen["filter"]),
    }
    needed = [name for name in checks if name != "seccomp"]
    features = [name for name, holds in checks.items() if holds]
    missing = [name for name, holds in checks.items() if not holds]
    groups = group_features()
    absent = [name for name in ("memory", "pids", "cpuacct") if not any(name in g for g in groups)]
    missing += [f"cgroup {name}: not writable, so rlimits and sampling only" for name in absent]
    return Found(all(checks[name] for name in needed), staged, (*features, *groups), tuple(missing))


@cache
def plain_account() -> int | None:
    """The account to run plain processes as: nobody's for root where it can start Python, else None."""
    if os.geteuid() != 0:
        return None
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-c", ""], user=jail.NOBODY, group=jail.NOBODY, extra_groups=[], cwd="/",
            capture_output=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return jail.NOBODY if done.returncode == 0 else None
