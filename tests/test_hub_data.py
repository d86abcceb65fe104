"""On a real JupyterHub: accounts read data in place from one folder, which none of them can change."""

from __future__ import annotations

import json
import pwd
import subprocess
from pathlib import Path

import four
import pytest
from hub import Hub, missing

pytestmark = [pytest.mark.timeout(900), pytest.mark.skipif(missing() is not None, reason=missing() or "")]

NAMES = "/api/v1/competitions/four/questions/counts/shared"
READING = """
import json, os
import kit
comp = kit.connect()
data = comp.data()
link = comp.data_dir() / "train.csv"
downloads = [str(path) for path in (link.parents[4] / "by-hash").glob("*")]
print(json.dumps({"sum": int(data["train"]["count"].sum()), "inode": link.stat().st_ino, "own": downloads}))
"""
TRYING = """
import json
import attempts
for path in {paths!r}:
    attempts.on_file(path)
print(json.dumps(attempts.done))
"""


def test_accounts_read_one_file_in_place_and_are_told_so(hub: Hub) -> None:
    said, found = [], []
    for short in ("alice", "olga"):
        person = hub.person(short)
        person.start_server()
        told, line = person.run(READING).splitlines()
        said.append(told)
        found.append(json.loads(line))

    assert found[0] == found[1]
    assert found[0]["sum"] == 75
    assert found[0]["own"] == []
    assert found[0]["inode"] in {path.stat().st_ino for path in hub.shared.iterdir()}
    assert set(said) == {f"Shared by all accounts, read in place from {hub.shared}: test.csv, train.csv"}


def test_a_participant_can_read_there_by_name_and_do_nothing_else(hub: Hub) -> None:
    alice = hub.person("alice")
    names = set(alice.ask("GET", NAMES).json()["names"].values())
    paths = [str(hub.shared), *(str(hub.shared / name) for name in names)]
    alice.keep("attempts.py", (Path(__file__).parent / "attempts.py").read_text())

    done = json.loads(alice.run(TRYING.format(paths=paths)))

    assert len(names) == 2
    assert set(done) == {f"read {path}" for path in paths[1:]}
    assert {path.name for path in hub.shared.iterdir()} == names


def test_who_may_not_see_the_data_is_told_no_name_and_can_find_none(hub: Hub) -> None:
    bob, account = hub.person("bob"), pwd.getpwnam(hub.accounts["bob"])
    overview = bob.ask("GET", "/api/v1/competitions/four").text
    named = hub.person("alice").ask("GET", NAMES).json()["names"]
    known = json.loads(overview)["questions"][0]["data"]
    tried = [hub.shared / file["sha256"] for file in known] + [hub.shared / "*"]

    refused = bob.ask("GET", NAMES)
    ran = subprocess.run(
        [
            "sh",
            "-c",
            "ls $0; cat $@",
            str(hub.shared),
            *map(str, tried),
            str(hub.shared / named["train.csv"]),
        ],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
    )

    assert refused.status_code == 403
    assert len(tried) == 3
    assert ran.stderr.count("No such file") == 3
    assert not [name for name in named.values() if name in overview]
    # The name alone opens the file: whoever is told it can pass it on, as they could the data.
    assert ran.stdout == four.TRAIN
