"""nginx before a server, by the blocks of the documentation; everything ends with its block."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from hub import Hub
from running import wait_for_port
from securing import certificates

ROOT = Path(__file__).parent.parent
PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
MISSING = None if PROGRAM else "nginx is not here: make test installs it"

_CONFIGURATION = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    {places}
    {blocks}
}}
"""
_PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def documented(page: str, number: int = 0) -> str:
    """A block of nginx's configuration on a page of the documentation."""
    text = (ROOT / "docs" / page).read_text()
    return str(re.findall(r"^```nginx\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[number])


def changed(text: str, changes: Mapping[str, str]) -> str:
    """A block with what differs here from where it is meant for."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the documented block"
        text = text.replace(old, new)
    return text


def for_hub(hub: Hub, port: int) -> dict[str, str]:
    """What differs in a Hub's block, where nginx listens on a port of this machine."""
    return {
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/ssl/hub.pem": "CERTIFICATE",
        "/etc/ssl/hub.key": "KEY",
        "http://127.0.0.1:8000": f"http://127.0.0.1:{hub.port}",
    }


@contextlib.contextmanager
def fronting(folder: Path, blocks: str, port: int) -> Iterator[Path]:
    """A running nginx of its own, until the block ends; gives the file of its certificate's authority.

    CERTIFICATE and KEY in the configuration stand for the files.
    """
    assert PROGRAM is not None
    authority, certificate, key = certificates(folder)
    blocks = blocks.replace("CERTIFICATE", str(certificate)).replace("KEY", str(key))
    places = "".join(f"{each}_temp_path {folder}/{each};\n" for each in _PLACES)
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, places=places, blocks=blocks))
    # Its workers would be another account's, which may not enter the folder.
    command = [
        PROGRAM,
        "-p",
        str(folder),
        "-c",
        str(file),
        "-e",
        str(folder / "nginx.log"),
        "-g",
        "user root;",
    ]
    process = subprocess.Popen(command)
    try:
        wait_for_port(port)
        yield authority
    finally:
        process.terminate()
        process.wait(60)
