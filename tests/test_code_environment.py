"""Environments made of a requirements file, from nothing but what is on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kit.errors import OrganizerError
from kit.runner.environment import environment_of


def test_an_environment_is_built_once_and_found_again(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("--no-index\n")

    python = environment_of(requirements, cache=tmp_path / "cache", needed=())
    (python.parent / "kept").touch()
    again = environment_of(requirements, cache=tmp_path / "cache", needed=())

    assert again == python
    assert (python.parent / "kept").exists()
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True)
    assert prefix.stdout.strip() == str(python.parent.parent)


def test_what_cannot_be_installed_is_told_and_built_anew_the_next_time(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("--no-index\nsurely-not-there\n")

    for _ in range(2):
        with pytest.raises(OrganizerError, match="surely-not-there"):
            environment_of(requirements, cache=tmp_path / "cache", needed=())
