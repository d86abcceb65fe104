"""Start processes: in a jail by bubblewrap, or plainly. Talks to them about nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.runner import sandbox_jail as jail
from kit.runner.sandbox_filter import filter_program
from kit.runner.sandbox_groups import Group
from kit.runner.sandbox_process import Jailed, NotStarted, Pipes, Plain, make_ready, pipes_for_a_child


@dataclass(frozen=True)
class Spawned:
    """A jail that has just been let go."""

    popen: subprocess.Popen[bytes]
    root: int
    handle: int
    output: int
    group: Group


def start_jailed(
    view: jail.View, variables: Mapping[str, str], command: Sequence[str], *, staged: bool
) -> Jailed:
    """Start the harness in a jail; its descriptors are put behind its command."""
    with pipes_for_a_child() as pipes:
        to_child, request = pipes.writing()
        from_child, reply = pipes.reading()
        command = [*command, str(request), str(reply)]
        spawned = spawn(view, variables, command, (request, reply), staged=staged)
    make_ready(to_child, from_child, spawned.output)
    return Jailed(
        root=spawned.root, to_child=to_child, from_child=from_child, output=spawned.output,
        group=spawned.group, folder=jail.FOLDER, paths=paths_of(view), others=[spawned.handle],
        popen=spawned.popen, handle=spawned.handle, n_above=1,
    )  # fmt: skip


def paths_of(view: jail.View) -> tuple[str, ...]:
    """Where modules among the mounts are found."""
    places = jail.mount_points(view.mounts).items()
    return (jail.MOUNTS, *(place for place, source in places if source.is_dir()))


def spawn(
    view: jail.View,
    variables: Mapping[str, str],
    command: Sequence[str],
    fds: Sequence[int],
    *,
    staged: bool,
    filtered: bool = True,
) -> Spawned:
    """Start a command in a jail with these descriptors and no others."""
    sources = jail.sources_of(view)
    before, seen = jail.staged(sources) if staged else ([], sources)
    account = None if staged or os.geteuid() else jail.NOBODY
    # What is not filtered is ours alone, and needs no limits.
    group = Group.make() if filtered else Group({})
    try:
        with pipes_for_a_child() as pipes:
            output, printed = pipes.reading()
            told, telling = pipes.reading()
            gate, closed = pipes.writing()
            args = jail.jail_arguments(view, seen, variables)
            args += ["--info-fd", str(telling), "--block-fd", str(closed), *_contents(pipes, filtered)]
            holding = pipes.holding("\0".join([*args, "--remount-ro", "/"]).encode() + b"\0")
            popen = subprocess.Popen(
                [*before, "bwrap", "--args", str(holding), "--", *command],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, pass_fds=(*pipes.theirs, *fds),
                env={"PATH": os.environ.get("PATH", os.defpath)}, cwd="/",
                user=account, group=account, extra_groups=None if account is None else [],
            )  # fmt: skip
            pipes.close_theirs()
            root = _root_of(popen, told, output)
            group.add(root)
            handle = os.pidfd_open(root)
            os.write(gate, b"x")
            pipes.close_ours(told, gate)
    except BaseException:
        group.remove()
        raise
    return Spawned(popen, root, handle, output, group)


def _contents(pipes: Pipes, filtered: bool) -> list[str]:
    args = []
    for content, place in ((jail.PASSWD, "/etc/passwd"), (jail.GROUP, "/etc/group")):
        args += ["--ro-bind-data", str(pipes.holding(content)), place]
    program = filter_program()
    if filtered and program is not None:
        args += ["--seccomp", str(pipes.holding(program))]
    return args


def _root_of(popen: subprocess.Popen[bytes], told: int, output: int) -> int:
    """The first process of the jail, as bubblewrap tells; or why there is none."""
    with os.fdopen(os.dup(told), "rb") as file:
        facts = file.read()
    try:
        return int(json.loads(facts)["child-pid"])
    except (ValueError, KeyError):
        popen.kill()
        popen.wait()
        os.set_blocking(output, False)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(output, 4000)
        text = said.decode(errors="replace").strip()
        raise NotStarted(text or f"bubblewrap ended with status {popen.returncode}") from None


def start_plain(
    command: Sequence[str],
    harness: Path,
    modules: str,
    mounts: Sequence[Path],
    variables: Mapping[str, str],
    *,
    account: int | None,
) -> Plain:
    """Start the harness as a process of its own session and folder, of another account if one is given."""
    scratch = Path(tempfile.mkdtemp(prefix="kit-run-"))
    copy, home = scratch / "harness.py", scratch / "home"
    shutil.copyfile(harness, copy)
    home.mkdir()
    if account is not None:
        scratch.chmod(0o755)
        copy.chmod(0o644)
        os.chown(home, account, account)
    variables = {**variables, "HOME": str(home), "TMPDIR": str(home), "MPLCONFIGDIR": str(home)}
    group = Group.make()
    try:
        with pipes_for_a_child() as pipes:
            to_child, request = pipes.writing()
            from_child, reply = pipes.reading()
            output, printed = pipes.reading()
            popen = subprocess.Popen(
                [*command, str(copy), modules, str(request), str(reply)],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, pass_fds=(request, reply),
                env=dict(variables), cwd=home, start_new_session=True,
                user=account, group=account, extra_groups=None if account is None else [],
            )  # fmt: skip
            with contextlib.suppress(OSError):
                group.add(popen.pid)
    except BaseException:
        group.remove()
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    make_ready(to_child, from_child, output)
    folders = (path if path.is_dir() else path.parent for path in mounts)
    return Plain(
        root=popen.pid, to_child=to_child, from_child=from_child, output=output, group=group,
        folder=str(home / "submission"), paths=tuple(dict.fromkeys(str(f.resolve()) for f in folders)),
        popen=popen, scratch=scratch,
    )  # fmt: skip
