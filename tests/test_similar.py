"""What organizers are shown of teams whose submissions are alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import four
import numpy as np
from conftest import Serve
from served import Served, scored
from test_credits import COPIED, FOREST, OTHER, send
from widget_facts import at

from kit.probing import Sketch
from kit.widgets.similar import SimilarView, side_by_side

SIMILAR = "/competitions/four/similar"


def world(serve: Serve) -> Served:
    service = serve(question=four.CODE)
    for name in ("ada", "bob", "eve"):
        service.people[name] = service.sign_up(name)
    service.people["olga"] = service.organizer()
    return service


def found(service: Served, **asked: Any) -> list[dict[str, Any]]:
    answer = service.people["olga"].get(SIMILAR, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_teams_with_the_same_code_are_shown_with_its_lines(serve: Serve) -> None:
    service = world(serve)
    for name, code in (("ada", FOREST), ("ada", FOREST + "\nA = 1\n"), ("bob", COPIED), ("eve", OTHER)):
        send(service, service.people[name], code)

    (pair,) = found(service, question="counts")

    assert (pair["what"], pair["first"]["team"], pair["second"]["team"]) == ("code", "bob", "ada")
    assert pair["share"] > 0.8 and pair["credited"] is False
    (line, *_) = pair["lines"]
    assert "def add_ratios(table):" in line["text"] and "def add_ratios(table):" in line["other_text"]


def test_what_all_were_given_is_left_out(serve: Serve) -> None:
    service = world(serve)
    folder = service.competitions[0].directory / "submissions/reference"
    folder.mkdir(parents=True)
    (folder / "estimator.py").write_text(FOREST)

    for name, code in (("ada", FOREST), ("bob", COPIED)):
        send(service, service.people[name], code)

    assert found(service) == []


def test_teams_with_the_same_predictions_are_shown(serve: Serve) -> None:
    service = world(serve)
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, size=100, dtype=np.uint64)
    changed = hashes.copy()
    changed[:3] += np.uint64(1)
    others = rng.integers(0, 2**63, size=100, dtype=np.uint64)
    for name, each in (("ada", hashes), ("bob", changed), ("eve", others)):
        assert service.people[name].submit().status_code == 201
        service.judge(replace(scored(1.0, 1.0), sketch=Sketch(100, each, {}, are_labels=False)))

    (pair,) = found(service)

    assert (pair["what"], pair["first"]["team"], pair["second"]["team"]) == ("predictions", "bob", "ada")
    assert (pair["share"], pair["n_different"], pair["lines"]) == (0.97, 3, [])


def test_only_organizers_see_who_is_alike(serve: Serve) -> None:
    service = world(serve)

    assert service.people["ada"].get(SIMILAR).status_code == 403


def pair() -> dict[str, Any]:
    lines = {"file": "a.py", "start": 3, "text": "x = 1", "other_file": "b.py", "other_start": 7}
    first, second = (
        {"submission": n, "team": team, "submitted_at": at()} for n, team in ((9, "bob"), (4, "ada"))
    )
    return {
        "question": "sex", "what": "code", "first": first, "second": second, "share": 0.75, "share_back": 0.5,
        "n_different": None, "credited": True, "lines": [lines | {"other_text": "y = 1"}],
    }  # fmt: skip


def test_the_dashboard_shows_a_pair_side_by_side() -> None:
    view = SimilarView()

    view.show([pair()])
    before = view.lines.text
    view.table.selected = ["sex/code/9/4"]

    (row,) = view.table.rows
    assert (row["first"], row["second"], row["credited"]) == ("bob (9)", "ada (4)", "given")
    assert before == ""
    assert "a.py, line 3" in view.lines.text and "b.py, line 7" in view.lines.text
    assert side_by_side(pair() | {"lines": [], "n_different": 3})[0]["children"] == ["About 3 rows differ."]
