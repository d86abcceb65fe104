"""What a participant's account tries, from a kernel or a terminal, on files and processes of others.

A program of its own: reads its aims from ``aims.json`` beside it and prints what it could do, first to things
of its own (the control: each attempt works where it is allowed), then to others'.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zmq

ATTACH, DETACH, WAIT_FOR_ALL = 16, 17, 0x40000000
GET_FD = 438
"""The number of the system call pidfd_getfd."""
SECONDS = 60
"""What is tried answers at once, yes or no; a machine that stands still must not answer in its place."""
LISTENS_S = 3
"""How long others are listened to, who say something ten times a second."""

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
done: list[str] = []
"""What succeeded: a verb, and to what it was done."""


def attempt(name: str, act: Callable[[], object]) -> None:
    """Try something; it succeeded where it neither raises nor returns False."""
    with contextlib.suppress(OSError, urllib.error.HTTPError, sqlite3.Error, subprocess.SubprocessError):
        if act() is not False:
            done.append(name)


def on_file(path: str) -> None:
    """Read, change, and get at a file or folder by detours."""
    attempt(f"list {path}", lambda: list(Path(path).iterdir()))
    attempt(f"read {path}", lambda: read(path, 16))
    attempt(f"write {path}", lambda: os.close(os.open(path, os.O_WRONLY)))
    attempt(f"write again {path}", lambda: reopen(path))
    attempt(f"cut {path}", lambda: os.truncate(path, 0))
    attempt(f"create in {path}", lambda: os.close(os.open(f"{path}/mine", os.O_CREAT | os.O_EXCL)))
    attempt(f"plant a link in {path}", lambda: Path(path, "link").symlink_to("/etc/passwd"))
    attempt(f"keep {path}", lambda: os.link(path, f"kept-{time.monotonic_ns()}"))
    attempt(f"open to all {path}", lambda: Path(path).chmod(0o777))
    attempt(f"date {path}", lambda: os.utime(path, (1, 1)))
    attempt(f"rename {path}", lambda: Path(path).rename(f"{path}.mine"))


def read(path: str, n_bytes: int) -> bytes:
    """Open, and read the beginning."""
    with Path(path).open("rb") as opened:
        return opened.read(n_bytes)


def reopen(path: str) -> None:
    """Open for reading, and that again for writing."""
    opened = os.open(path, os.O_RDONLY)
    os.close(os.open(f"/proc/self/fd/{opened}", os.O_WRONLY))


def on_database(path: str) -> None:
    """Ask a database, by Python and by the tool."""

    def ask() -> object:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as opened:
            return opened.execute("select * from sqlite_master").fetchall()

    attempt(f"ask {path}", ask)
    if shutil.which("sqlite3"):
        attempt(f"sqlite3 {path}", lambda: succeeds("sqlite3", path, ".tables"))


def on_process(pid: int) -> None:
    """Look into a process, and disturb it."""
    # Of memory nothing is read, as no address is known. What has ended shows empty maps to everyone.
    attempt(f"look at mem of {pid}", lambda: read(f"/proc/{pid}/mem", 0) == b"")
    for part in ("environ", "maps", "io", "auxv"):
        attempt(f"look at {part} of {pid}", lambda part=part: read(f"/proc/{pid}/{part}", 16) != b"")
    for part in ("cwd", "root"):
        attempt(f"follow {part} of {pid}", lambda part=part: list(Path(f"/proc/{pid}/{part}/").iterdir()))
    attempt(f"files of {pid}", lambda: list(Path(f"/proc/{pid}/fd").iterdir()))
    attempt(f"take a file of {pid}", lambda: libc.syscall(GET_FD, os.pidfd_open(pid), 0, 0) >= 0)
    attempt(f"memory of {pid}", lambda: memory(pid))
    attempt(f"bound {pid}", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE))
    attempt(f"place {pid}", lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0)))
    attempt(f"renice {pid}", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
    attempt(f"trace {pid}", lambda: trace(pid))


def started_at(pid: int) -> int | None:
    """When a process started, in ticks; none where it has ended. A number that became free is given again."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    return None


def by_debuggers(pid: int) -> None:
    """Attach the tools there are: slow, so to one process only."""
    if shutil.which("gdb"):
        attempt(f"gdb {pid}", lambda: succeeds("gdb", "-nx", "-batch", "-p", str(pid)))
    if shutil.which("strace"):
        attempt(f"strace {pid}", lambda: attaches(pid))


def signals(pid: int) -> None:
    """Stop, wake and end a process."""
    for number in (0, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
        attempt(f"signal {number} to {pid}", lambda number=number: os.kill(pid, number))


def memory(pid: int) -> bool:
    """Whether memory can be read where the process says it is, or anywhere at all."""
    size = 8
    here = ctypes.create_string_buffer(size)
    place = (ctypes.c_size_t * 2)(ctypes.addressof(here), size)
    there = (ctypes.c_size_t * 2)(0x10000, size)
    ctypes.set_errno(0)
    n_read = libc.process_vm_readv(pid, place, 1, there, 1, 0)
    # A wrong address is said only to whom may ask.
    return n_read > 0 or ctypes.get_errno() == 14


def trace(pid: int) -> bool:
    """Whether a process can be attached to; let go at once."""
    if libc.ptrace(ATTACH, pid, None, None) != 0:
        return False
    os.waitpid(pid, WAIT_FOR_ALL)
    libc.ptrace(DETACH, pid, None, None)
    return True


def on_url(url: str) -> None:
    """Ask without a token, with others' names, with a made-up token, with the own one."""
    own = f"token {os.environ['JUPYTERHUB_API_TOKEN']}"
    for header in ({}, {"X-Forwarded-User": "olga"}, {"Authorization": "token x"}, {"Authorization": own}):
        request = urllib.request.Request(url, headers=header)
        attempt(f"fetch {url}", lambda request=request: urllib.request.urlopen(request, timeout=SECONDS))


def on_socket(address: str) -> None:
    """Connect to a socket of this machine; abstract ones begin with @."""
    place = address.replace("@", "\0", 1) if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX) as opened:
        attempt(f"connect to {address}", lambda: opened.connect(place))


def overhear(port: int, listens_s: float) -> bool:
    """Whether what a kernel prints can be heard at its port."""
    with zmq.Context() as context, context.socket(zmq.SUB) as heard:
        heard.linger = 0
        heard.subscribe(b"")
        heard.connect(f"tcp://127.0.0.1:{port}")
        return bool(heard.poll(listens_s * 1000))


def become(account: str) -> None:
    """Act as another account, by what machines offer for that."""
    ways = {
        "sudo": ["sudo", "-n", "-u", account, "id"],
        "su": ["su", account, "-c", "id"],
        "runuser": ["runuser", "-u", account, "--", "id"],
        "setpriv": ["setpriv", f"--reuid={account}", "id"],
        "pkexec": ["pkexec", "--disable-internal-agent", "--user", account, "id"],
        "crontab": ["crontab", "-u", account, "-l"],
        "newgrp": ["sg", account, "id"],
    }
    for tool, command in ways.items():
        if shutil.which(command[0]):
            attempt(f"become {account} by {tool}", lambda command=command: succeeds(*command))
    if shutil.which("at"):
        attempt(f"become {account} by at", lambda: succeeds("at", "-l", "-q", "a", account))


def as_mapped_root(path: str) -> None:
    """Read as root of an own user namespace."""
    attempt(f"map to {path}", lambda: succeeds("unshare", "--user", "--map-root-user", "ls", path))


def succeeds(*command: str) -> bool:
    """Whether a command ends well and does not say that it may not."""
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, start_new_session=True
    )
    return ran.returncode == 0 and b"not permitted" not in ran.stderr


def attaches(pid: int) -> bool:
    """Whether strace says that it got hold of a process, and not why it could not."""
    command = ["strace", "-o", "/dev/null", "-p", str(pid)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as tool:
        assert tool.stderr is not None
        said = tool.stderr.readline()
        tool.terminate()
    return "attached" in said


def try_all(aims: dict[str, Any], listens_s: float = LISTENS_S) -> list[str]:
    """Try everything on all aims; returns what succeeded."""
    done.clear()
    for database in aims["databases"]:
        on_database(database)
    for path in aims["paths"][:3]:
        as_mapped_root(path)
    for address in aims["sockets"]:
        on_socket(address)
    for port in aims["ports"]:
        attempt(f"overhear {port}", lambda port=port: overhear(port, listens_s))
    for url in aims["urls"]:
        on_url(url)
    for account in aims["accounts"]:
        become(account)
    for pid, started in aims["pids"][:1]:
        if started_at(pid) == started:
            by_debuggers(pid)
    for pid, started in aims["pids"]:
        if started_at(pid) == started:
            on_process(pid)
            signals(pid)
    for path in aims["paths"]:
        on_file(path)
    return list(done)


@contextlib.contextmanager
def own_things(url: str) -> Iterator[dict[str, Any]]:
    """Things of the account itself, of each kind."""
    Path("own").mkdir()
    Path("own-file").touch()
    with contextlib.closing(sqlite3.connect("own.db")) as made:
        made.execute("create table t (x)")
    child = subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL)
    with socket.socket(socket.AF_UNIX) as listener, zmq.Context() as context:
        listener.bind("own.socket")
        listener.listen()
        with context.socket(zmq.PUB) as speaker:
            speaker.linger = 0
            port = speaker.bind_to_random_port("tcp://127.0.0.1")
            is_over = threading.Event()
            talk = threading.Thread(target=repeat, args=(speaker, is_over))
            talk.start()
            yield {
                "databases": [str(Path("own.db").absolute())],
                "paths": [str(Path(name).absolute()) for name in ("own-file", "own")],
                "sockets": ["own.socket"],
                "ports": [port],
                "urls": [url],
                "accounts": [],
                "pids": [(child.pid, started_at(child.pid))],
            }
            is_over.set()
            talk.join()
    child.kill()
    child.wait()


def repeat(speaker: Any, is_over: threading.Event) -> None:
    """Say something until it is over."""
    while not is_over.wait(0.05):
        speaker.send(b"said")


def main() -> None:
    """Try all on own things, then on others'."""
    aims = json.loads(Path("aims.json").read_text())
    home = Path.cwd()
    folder = home / f"attempts-{time.monotonic_ns()}"
    folder.mkdir()
    os.chdir(folder)
    with own_things(aims.pop("own_url")) as own:
        control = try_all(own, SECONDS)
    found = try_all(aims)
    os.chdir(home)
    print(json.dumps({"uid": os.getuid(), "tty": sys.stdin.isatty(), "control": control, "done": found}))


if __name__ == "__main__":
    main()
