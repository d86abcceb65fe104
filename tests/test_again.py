"""What installs is tried again where it fails, and says so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

AGAIN = Path(__file__).parents[1] / ".ci/again"
LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7"


def again(folder: Path, *tries: str) -> subprocess.CompletedProcess[str]:
    """Run a command that says one thing after the other and works when it has no more to say."""
    for number, said in enumerate(tries):
        (folder / str(number)).write_text(said)
    command = "for said in [0-9]; do [ -e $said ] || exit 0; cat $said >&2; rm $said; exit 1; done"
    return subprocess.run(
        [AGAIN, "pip install", "sh", "-c", command],
        cwd=folder,
        env=os.environ | {"KIT_AGAIN_S": "0 0"},
        capture_output=True,
        text=True,
    )


def test_what_works_says_nothing(tmp_path: Path) -> None:
    done = again(tmp_path)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("said", ["Connection timed out\n", LOCKED], ids=["network", "lock"])
def test_what_fails_once_is_tried_again(tmp_path: Path, said: str) -> None:
    done = again(tmp_path, said)

    assert done.returncode == 0
    assert "pip install: " in done.stderr and "; again in 0 s ..." in done.stderr


def test_what_fails_each_time_fails_with_its_last_words(tmp_path: Path) -> None:
    done = again(tmp_path, *(f"no such package {number}\n" for number in range(3)))

    assert done.returncode == 1
    assert done.stderr.endswith("no such package 2\npip install: failed.\n")


def test_a_lock_is_waited_for_however_often(tmp_path: Path) -> None:
    done = again(tmp_path, *[LOCKED] * 8)

    assert done.returncode == 0
    assert done.stderr.count("another program installs packages") == 8
