"""The open phase: everyone reads everyone's code, and says what they built on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import four
import pytest
from conftest import Clock, Serve
from served import COUNTS, Person, Served, ran, scored
from waiting import until

from kit.client import Client, CompetitionClient
from kit.widgets import card

FOLD = {"train": 1.0, "valid": 2.0, "public": 3.0, "private": 4.0, "test": 5.0}
OPEN = """opens_at = 2026-03-01T09:00:00Z
closes_at = 2026-03-03T09:00:00Z
[[phase]]
id = "open"
code_visible = true
"""
LATER = datetime(2026, 3, 4, tzinfo=UTC)
FOREST = """
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def add_ratios(table):
    table = table.copy()
    for one in ("a", "b", "c"):
        for other in ("d", "e", "f"):
            table[one + "/" + other] = table[one] / (table[other] + 1e-6)
    table["mean"] = table[["a", "b", "c"]].mean(axis=1)
    table["spread"] = table[["d", "e", "f"]].max(axis=1) - table[["d", "e", "f"]].min(axis=1)
    return table.fillna(table.median())


def get_estimator():
    forest = RandomForestRegressor(n_estimators=300, min_samples_leaf=3, max_features=0.5)
    return make_pipeline(FunctionTransformer(add_ratios), forest)
"""
COPIED = FOREST.replace("300", "500").replace("forest", "trees") + "\nDEPTH = 5\n"
OTHER = """class Mean:
    def fit(self, X, y):
        self.mean = y.mean()


def get_estimator():
    return Mean()
"""


def send(service: Served, person: Person, code: str) -> int:
    answer = person.post(f"{COUNTS}/submissions?filename=model.py", content=code.encode())
    assert answer.status_code == 201, answer.text
    service.judge(ran(scored(1.0, 2.0), FOLD))
    return int(answer.json()["id"])


@pytest.fixture
def world(serve: Serve, clock: Clock) -> Served:
    """Ada's forest of the first phase, and eve's mean; now the open phase."""
    service = serve(question=four.CODE, phase=OPEN)
    for name in ("ada", "bob", "eve"):
        service.people[name] = service.sign_up(name)
    send(service, service.people["ada"], FOREST)
    send(service, service.people["eve"], OTHER)
    clock.now = LATER
    return service


def handle(service: Served, name: str) -> CompetitionClient:
    """What someone has in a notebook."""
    token = service.people[name].token
    return Client("http://testserver", token=token, transport=service.client._transport).competition("four")


def read(person: Person, number: int) -> dict[str, Any]:
    answer = person.get(f"/submissions/{number}/credits")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_code_that_resembles_an_older_one_is_suggested_to_credit_it(world: Served) -> None:
    bob = world.people["bob"]
    number = send(world, bob, COPIED)

    found = read(bob, number)

    assert found["given"] == []
    (suggested,) = found["suggested"]
    assert (suggested["submission"], suggested["team"]) == (1, "ada")
    assert 0.8 <= suggested["share"] <= 1.0
    assert suggested["lines"][0]["file"] == "model.py"


def test_what_resembles_nothing_or_was_given_to_all_owes_nothing(world: Served) -> None:
    bob, folder = world.people["bob"], world.competitions[0].directory / "submissions/reference"
    folder.mkdir(parents=True)
    (folder / "estimator.py").write_text(FOREST)

    alike, other = send(world, bob, COPIED), send(world, bob, "import os\n" + OTHER)

    assert [read(bob, number)["suggested"] for number in (alike, other)] == [[], []]


def test_before_code_is_open_nothing_is_suggested(serve: Serve) -> None:
    service = serve(question=four.CODE)
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    send(service, ada, FOREST)

    number = send(service, bob, COPIED)

    assert read(bob, number)["suggested"] == []
    assert bob.get(f"/submissions/{number}").json()["code"]["built_on"] is None
    assert bob.get("/submissions/1/code").status_code == 404
    answer = bob.put(f"/submissions/{number}/credits", json={"to": [{"submission": 1, "share": 0.5}]})
    assert answer.status_code == 404


def test_credit_is_given_changed_and_taken_back(world: Served) -> None:
    bob = world.people["bob"]
    number = send(world, bob, COPIED)
    path = f"/submissions/{number}/credits"

    first = bob.put(path, json={"to": [{"submission": 1, "share": 0.5}, {"submission": 2, "share": 0.25}]})
    seen = bob.get(f"/submissions/{number}").json()["code"]["built_on"]
    second = bob.put(path, json={"to": [{"submission": 1, "share": 0.75}]})
    third = bob.put(path, json={"to": []})

    assert [(c["submission"], c["share"]) for c in first.json()["given"]] == [(1, 0.5), (2, 0.25)]
    assert seen == [1, 2]
    assert [(c["submission"], c["share"]) for c in second.json()["given"]] == [(1, 0.75)]
    assert third.json()["given"] == []


@pytest.mark.parametrize(
    ("to", "text"),
    [
        ([(1, 0.75), (2, 0.5)], "The shares are 1.25 in sum"),
        ([(4, 0.5)], "Submission 4 is not older than 3."),
        ([(99, 0.5)], "There is no submission 99."),
    ],
    ids=["more than all", "newer", "unknown"],
)
def test_credit_that_makes_no_sense_is_refused(world: Served, to: list[tuple[int, float]], text: str) -> None:
    bob = world.people["bob"]
    number = send(world, bob, COPIED)
    send(world, bob, OTHER)

    owed = [{"submission": source, "share": share} for source, share in to]
    answer = bob.put(f"/submissions/{number}/credits", json={"to": owed})

    assert answer.status_code in (400, 404)
    assert text in answer.text


def test_nobody_says_what_another_team_owes(world: Served) -> None:
    number = send(world, world.people["bob"], COPIED)
    given = {"json": {"to": [{"submission": 1, "share": 0.5}]}}

    assert world.people["ada"].put(f"/submissions/{number}/credits", **given).status_code == 404
    assert world.organizer().put(f"/submissions/{number}/credits", **given).status_code == 403


def test_a_handle_shows_differences_and_records_what_is_suggested(world: Served) -> None:
    number = send(world, world.people["bob"], COPIED)
    comp = handle(world, "bob")

    lines = comp.diff(1, number).lines()["model.py"]
    suggested = comp.credits(number)
    given = comp.credit(number)
    by_hand = comp.credit(number, to=[1], shares=[0.25])
    none = comp.credit(number, to=[])

    assert "+DEPTH = 5" in lines and "+    for one in" not in "".join(lines)
    assert "Its code suggests" in repr(suggested)
    assert given.given == suggested.suggested and list(given.given) == [1]
    assert repr(by_hand).startswith(f"Submission {number} owes 25% to 1 by ada.")
    assert none.given == {}


def test_a_card_shows_the_suggestion_and_records_it(world: Served) -> None:
    number = send(world, world.people["bob"], COPIED)
    comp = handle(world, "bob")

    made = card(comp.submission(number))
    until(lambda: "Suggested credit" in made.text)
    made.on["credit"]()

    until(lambda: "It owes" in made.text)
    assert list(comp.credits(number).given) == [1]
