"""Notebooks submitted to a real service: scored, given back to their team, silent of hidden inputs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coding
import pytest
from coding import Team
from running import Service, running
from written import notebook

import kit
from kit.runner.sandbox import Level, detect_isolation

pytestmark = [
    pytest.mark.skipif(
        detect_isolation().level is not Level.ISOLATED,
        reason=f"no sandbox here: {detect_isolation().missing}",
    ),
    pytest.mark.timeout(900),
]
GOOD = """\
# %%
import pandas as pd
from sklearn.linear_model import LogisticRegression

known, asked = pd.read_csv(train), pd.read_csv(test)
columns = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
model = LogisticRegression(max_iter=2000).fit(known[columns].fillna(0), known["sex"] == "male")
# %%
print("looked at", list(asked["penguin_id"])[:1])
sex = model.predict_proba(asked[columns].fillna(0))[:, 1]
asked[["penguin_id"]].assign(sex=sex).to_csv(output, index=False)
"""
ODD_ID = """\
# %%
rows = open(test).read().splitlines()
open(output, "w").write("penguin_id,sex\\n" + rows[1].replace(",", "_") + ",0.5\\n")
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("penguins")
    code = 'kinds = ["predictions", "code", "notebook"]'
    with running([coding.write(folder / "penguins", code=code)], folder / "data") as service:
        yield service


@pytest.fixture(scope="module")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hidden")
    code = 'kinds = ["notebook"]\nhide_inputs = true'
    with running([coding.write(folder / "penguins", code=code)], folder / "data") as service:
        yield service


def executed(team: Team, number: int) -> dict[str, Any]:
    answer = team.ask("GET", f"/submissions/{number}/notebook")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_notebook_is_scored_as_kit_test_scores_it_and_comes_back(service: Service, tmp_path: Path) -> None:
    ada, bob = Team(service, "ada"), Team(service, "bob")
    (tmp_path / "model.ipynb").write_bytes(notebook(GOOD))

    number = ada.send(notebook(GOOD), "model.ipynb")
    seen = ada.judged(number)
    command = [sys.executable, "-m", "kit", "test", str(service.data.parent / "penguins"), "--json"]
    command += ["--submission", str(tmp_path / "model.ipynb")]
    offline = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert (seen["state"], seen["kind"]) == ("SCORED", "notebook"), seen["reasons"]
    assert seen["score"]["public"]["log_loss"]["score"] == pytest.approx(
        offline["bagged"]["public"]["log_loss"], abs=0.01
    )
    told = seen["code"]
    assert (told["n_cells_done"], told["n_cells"], told["n_folds"], told["folds"]) == (2, 2, None, [])
    assert told["fit_s"] > 0 and told["peak_bytes"] > 50_000_000 and told["has_notebook"]
    assert "looked at" in str(executed(ada, number)["cells"][2]["outputs"])
    assert bob.ask("GET", f"/submissions/{number}/notebook").status_code == 404


def test_it_is_given_as_a_file_that_no_browser_shows(service: Service) -> None:
    team = Team(service, "eve")
    number = team.send(notebook(GOOD), "model.ipynb")
    team.judged(number)

    answer = team.ask("GET", f"/submissions/{number}/notebook")

    assert answer.headers["content-type"] == "application/x-ipynb+json"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_handle_tells_cells_and_downloads(service: Service, tmp_path: Path) -> None:
    team = Team(service, "dan")
    token = team.headers["Authorization"].removeprefix("Bearer ")
    comp = kit.connect(f"{service.url}/penguins", token=token)
    (tmp_path / "model.ipynb").write_bytes(notebook(GOOD))

    s = comp.submit(tmp_path / "model.ipynb", note="in cells").wait(240)
    path = s.notebook(tmp_path)

    assert s.state == "SCORED", s
    assert path.name == f"submission-{s.id}-executed-model.ipynb"
    assert "looked at" in path.read_text()
    assert "not_there" not in comp.code(s).files


def test_what_fails_is_told_with_the_cell_and_refunded(service: Service) -> None:
    team = Team(service, "fay")

    number = team.send(notebook("# %%\nx = 1\n# %%\nx / 0\n"), "model.ipynb")
    seen = team.judged(number)

    assert (seen["state"], seen["verdict"]) == ("REJECTED", "crashed")
    assert seen["reasons"] == [
        "ZeroDivisionError was raised in cell 2 of 2, line 1; the traceback says more."
    ]
    assert seen["code"]["n_cells_done"] == 1
    assert "x / 0" in team.ask("GET", f"/submissions/{number}/traceback").text
    assert "ZeroDivisionError" in str(executed(team, number)["cells"][-1]["outputs"])
    assert sorted(team.ledger()) == [-1, 1]


def test_what_is_no_notebook_is_refused_before_it_counts(service: Service) -> None:
    team = Team(service, "gil")

    answer = team.ask(
        "POST",
        "/competitions/penguins/questions/sex/submissions",
        params={"filename": "model.ipynb"},
        content=b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}]}',
    )

    assert answer.status_code == 400
    assert "cell 1 is no cell of a notebook" in answer.text
    assert team.ledger() == []


def test_where_test_inputs_are_hidden_nothing_of_them_comes_back(hiding: Service) -> None:
    team = Team(hiding, "hal")

    good, odd = team.send(notebook(GOOD), "model.ipynb"), team.send(notebook(ODD_ID), "odd.ipynb")
    seen = [team.judged(number) for number in (good, odd)]

    assert [each["state"] for each in seen] == ["SCORED", "REJECTED"]
    assert seen[1]["verdict"] == "invalid predictions"
    assert "More is withheld" in seen[1]["reasons"][0] and len(seen[1]["reasons"]) == 1
    assert [cell["outputs"] for cell in executed(team, good)["cells"]] == [[], [], []]
    assert team.ask("GET", f"/submissions/{odd}/traceback").text == ""
