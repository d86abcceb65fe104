"""Contributivity on a real service: code in sandboxes, blended in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import coding
import pytest
from coding import GOOD, Team
from running import running

from kit.runner.sandbox import Level, detect_isolation

pytestmark = [
    pytest.mark.skipif(
        detect_isolation().level is not Level.ISOLATED,
        reason=f"no sandbox here: {detect_isolation().missing}",
    ),
    pytest.mark.timeout(900),
]
TREES = GOOD.replace(
    "from sklearn.linear_model import LogisticRegression", "from sklearn.tree import DecisionTreeClassifier"
).replace("LogisticRegression()", "DecisionTreeClassifier(min_samples_leaf=10, random_state=0)")
BOARD = "/competitions/penguins/questions/sex/leaderboard"


def board(team: Team, until: Any, *, s: float = 240) -> dict[str, Any]:
    """The leaderboard, as soon as it is so."""
    ends_at = time.monotonic() + s
    while not until(seen := team.ask("GET", BOARD).json()):
        assert time.monotonic() < ends_at, f"{seen}\n{team.service.log.read_text()[-3000:]}"
        time.sleep(0.2)
    return seen


def kit(team: Team, *command: str) -> str:
    """What the program prints."""
    token = team.headers["Authorization"].split()[1]
    variables = os.environ | {"KIT_URL": f"{team.service.url}/penguins", "KIT_TOKEN": token}
    program = [sys.executable, "-m", "kit", *command]
    return subprocess.run(program, env=variables, check=True, capture_output=True, text=True).stdout


def test_what_is_scored_is_blended_and_credited(tmp_path: Path) -> None:
    with running(
        [coding.write(tmp_path / "penguins", phase="code_visible = true")], tmp_path / "data"
    ) as service:
        ada, bob = Team(service, "ada"), Team(service, "bob")
        first, second = ada.send(GOOD), bob.send(TREES)
        assert [team.judged(n)["state"] for team, n in ((ada, first), (bob, second))] == ["SCORED"] * 2

        seen = board(ada, lambda seen: seen["blend"] and seen["blend"]["n_submissions"] == 2)
        credits = {"to": [{"submission": first, "share": 0.5}]}
        assert bob.ask("PUT", f"/submissions/{second}/credits", json=credits).status_code == 200
        passed = board(ada, lambda seen: any(row["built_on"] for row in seen["rows"]))

        read = bob.ask("GET", f"/submissions/{first}/code").json()
        printed = {
            command: kit(bob, *command.split(), *more)
            for command, more in {
                "leaderboard --per submission": (),
                "diff": (str(first), str(second)),
                "credit": (str(second), "--to", f"{first}=0.25"),
            }.items()
        }

    by_team = {row["team"]: row for row in seen["rows"]}
    shares = [by_team[name]["contributivity"] for name in ("ada", "bob")]
    assert sum(shares) == pytest.approx(100, abs=1) and shares[0] > 0
    assert by_team["ada"]["fit_s"] > 0 and by_team["ada"]["peak_bytes"] > 10_000_000
    assert seen["blend"]["n_folds"] == 3
    assert seen["blend"]["combined"]["valid"] <= seen["blend"]["foldwise_best"]["valid"]
    assert set(seen["blend"]["combined"]) == {"valid", "public"}
    later = {row["team"]: row for row in passed["rows"]}
    assert later["bob"]["built_on"] == [{"submission": first, "team": "ada"}]
    assert later["ada"]["historical_contributivity"] >= shares[0]
    assert read["files"][0]["text"] == GOOD
    assert (
        "ada" in printed["leaderboard --per submission"] and " %" in printed["leaderboard --per submission"]
    )
    assert "+from sklearn.tree import DecisionTreeClassifier" in printed["diff"].splitlines()
    assert printed["credit"] == f"Submission {second} owes 25% to {first} by ada.\n"
