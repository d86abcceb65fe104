"""What participants and organizers are told of scores: digits, intervals of ranks, comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from conftest import Clock, Serve
from four import CLOSES_AT, NOON
from served import COUNTS, Person, Served, rejected

from kit._scoring import Comparison
from kit.leaderboard import Entry, rank, with_uncertainty
from kit.service.comparing import sentence
from kit.submission import Evidence, Outcome, Score, Split, State

UP_AND_DOWN = (1.0, -1.0, 1.0, -1.0)
"""Influences of four blocks, with a standard error of 0.577; three degrees of freedom need 3.18 of them."""


def judged(
    public: float, error: float = 0.6, *, private: float = 5.0, times: float = 1.0, warning: str = ""
) -> Outcome:
    """An outcome with influences that are so many times UP_AND_DOWN."""
    scores = [
        Score(metric, split, value, value - 2 * error, value + 2 * error, 0.95, 2, 100, error, warning)
        for metric in ("mae", "rmse")
        for split, value in ((Split.PUBLIC, public), (Split.PRIVATE, private))
    ]
    influences = (times * np.array(UP_AND_DOWN)).astype(np.float32)
    evidence = [Evidence(split, influences, np.zeros(2, np.float32)) for split in Split]
    return Outcome(State.SCORED, tuple(scores), evidence=tuple(evidence))


def submitted(service: Served, person: Person, outcome: Outcome) -> int:
    number = person.submit().json()["id"]
    service.judge(outcome)
    return int(number)


def people(service: Served, *names: str) -> Sequence[Person]:
    return [service.organizer() if name == "olga" else service.sign_up(name) for name in names]


def board(person: Person, path: str = f"{COUNTS}/leaderboard") -> Any:
    return person.get(path).json()


# Digits


def test_participants_see_a_score_to_a_quarter_of_its_error_and_organizers_all_of_it(service: Served) -> None:
    ada, olga = people(service, "ada", "olga")
    number = submitted(service, ada, judged(3.14159, 0.6))

    seen, exact = (person.get(f"/submissions/{number}").json() for person in (ada, olga))

    public = seen["score"]["public"]["mae"]
    # A quarter of 0.6 is 0.15; the next step is 0.2.
    assert (public["score"], public["low"], public["high"]) == (3.2, 2.0, 4.4)
    assert exact["score"]["public"]["mae"]["score"] == 3.14159
    assert (seen["exact"], exact["exact"]) == (False, True)


def test_the_leaderboard_has_no_more_digits_than_the_errors_support(service: Served) -> None:
    ada, olga = people(service, "ada", "olga")
    submitted(service, ada, judged(3.14159, 0.6))

    seen, exact = board(ada), board(olga)

    assert [seen["rows"][0][key] for key in ("score", "low", "high")] == [3.2, 2.0, 4.4]
    assert seen["rows"][0]["metrics"] == {"mae": 3.2, "rmse": 3.2}
    assert exact["rows"][0]["score"] == 3.14159
    assert (seen["exact"], exact["exact"]) == (False, True)


def test_ranks_follow_the_exact_scores(service: Served) -> None:
    ada, bob = people(service, "ada", "bob")
    submitted(service, ada, judged(3.15, 0.6))
    submitted(service, bob, judged(3.14, 0.6))

    rows = board(ada)["rows"]

    assert [(row["rank"], row["team"], row["score"]) for row in rows] == [(1, "bob", 3.2), (2, "ada", 3.2)]


def test_the_combined_leaderboard_rounds_as_the_errors_of_its_parts_say(service: Served) -> None:
    ada, bob, olga = people(service, "ada", "bob", "olga")
    olga.put(f"{COUNTS}/baselines/mean/predictions", content=b"")
    service.judge(judged(10.0))
    submitted(service, ada, judged(0.0, 0.6))
    submitted(service, bob, judged(3.14159, 0.6))

    path = "/competitions/four/leaderboard"
    seen, exact = board(bob, path), board(olga, path)
    by_rank = board(bob, f"{path}?method=mean_rank")

    # 0.685841, where 0.6 is 0.06 of the way: a quarter of it is 0.015, the step 0.02.
    assert seen["rows"][1]["score"] == 0.68
    assert seen["rows"][1]["parts"]["counts"] == {"score": 3.2, "normalized": 0.68, "rank": 2}
    assert exact["rows"][1]["score"] == pytest.approx(0.685841)
    assert (seen["exact"], exact["exact"]) == (False, True)
    assert [row["score"] for row in by_rank["rows"]] == [1.0, 2.0]


def test_a_score_without_a_known_error_shows_three_digits(service: Served) -> None:
    (ada,) = people(service, "ada")
    number = submitted(service, ada, judged(math.pi, 0.0))

    assert ada.get(f"/submissions/{number}").json()["score"]["public"]["mae"]["score"] == 3.14


def test_of_a_score_judged_before_errors_were_kept_the_interval_says_how_exact_it_is(service: Served) -> None:
    (ada,) = people(service, "ada")
    old = [Score(m, s, 3.14159, 1.97, 4.32, 0.95, 2, 100) for m in ("mae", "rmse") for s in Split]
    number = submitted(service, ada, Outcome(State.SCORED, tuple(old)))

    assert ada.get(f"/submissions/{number}").json()["score"]["public"]["mae"]["score"] == 3.2


def test_a_warning_reaches_participants_without_its_counts(service: Served) -> None:
    ada, olga = people(service, "ada", "olga")
    number = submitted(service, ada, judged(3.0, warning="Only 3 rows are of the rarest class."))

    seen, exact = (person.get(f"/submissions/{number}").json() for person in (ada, olga))

    assert seen["score"]["public"]["mae"]["warning"] == "The interval is a rough guide."
    assert board(ada)["rows"][0]["warning"] == "The interval is a rough guide."
    assert "Only 3 rows" in exact["score"]["public"]["mae"]["warning"]


# Ranks


def test_rows_carry_rank_intervals_tie_group_and_probability_of_being_first(service: Served) -> None:
    ada, bob, eve = people(service, "ada", "bob", "eve")
    submitted(service, ada, judged(1.0, times=0.0))
    submitted(service, bob, judged(2.0, times=1.0))
    submitted(service, eve, judged(9.0, times=0.5))

    rows = {row["team"]: row for row in board(ada)["rows"]}

    told = {team: (row["rank_low"], row["rank_high"], row["tie_with_first"]) for team, row in rows.items()}
    assert told == {"ada": (1, 2, True), "bob": (1, 2, True), "eve": (3, 3, False)}
    shares = [rows[team]["p_first"] for team in ("ada", "bob", "eve")]
    assert shares == [round(share, 2) for share in shares]
    assert shares[0] > shares[1] > shares[2] == 0.0


def test_a_leaderboard_without_evidence_has_ranks_only(service: Served) -> None:
    (ada,) = people(service, "ada")
    ada.submit()
    service.score(1.0)

    (row,) = board(ada)["rows"]

    assert (row["rank"], row["rank_low"], row["rank_high"], row["p_first"]) == (1, None, None, None)
    assert row["tie_with_first"] is False


# Comparisons


def compare(person: Person, **asked: Any) -> Any:
    return person.get("/competitions/four/compare", params=asked)


def test_two_submissions_differ_by_so_much_give_or_take(service: Served) -> None:
    ada, olga = people(service, "ada", "olga")
    first = submitted(service, ada, judged(3.02, 0.3464, times=0.6))
    second = submitted(service, ada, judged(1.234, 0.1155, times=0.2))

    seen, exact = (compare(person, a=first, b=second).json() for person in (ada, olga))

    # Paired, the error is 0.2309, told as 0.2512; the scores are cut to 3.0 and 1.23, and 3.182 errors
    # are the margin: 1.77 ± 0.80.
    assert [seen[key] for key in ("difference", "low", "high", "p_value")] == [1.8, 1.0, 2.6, 0.0059]
    assert (seen["better"], seen["exact"]) == ("b", False)
    assert seen["sentence"] == "Submission 1 is worse than 2 by 1.8 ± 0.8 (95 %); p = 0.0059."
    assert exact["difference"] == pytest.approx(1.786)
    assert exact["high"] - exact["difference"] == pytest.approx(3.1824 * 0.23094, rel=1e-4)
    assert exact["exact"] is True


def test_what_cannot_be_told_apart_is_said_to_be_so(service: Served) -> None:
    (ada,) = people(service, "ada")
    first = submitted(service, ada, judged(3.0, 0.6, times=1.0))
    second = submitted(service, ada, judged(2.6, 0.6, times=0.0))

    found = compare(ada, a=first, b=second).json()

    assert found["better"] is None
    assert found["sentence"].startswith("Submissions 1 and 2 cannot be told apart: they differ by 0.4 ± 2.0")


def test_a_submission_is_compared_with_what_another_team_has_on_the_leaderboard(service: Served) -> None:
    ada, bob = people(service, "ada", "bob")
    mine = submitted(service, ada, judged(9.0, times=0.1))
    submitted(service, bob, judged(7.0, times=0.1))
    best = submitted(service, bob, judged(1.0, times=0.2))

    found = compare(ada, a=mine, team="BOB").json()

    assert (found["b"], found["team"], found["better"]) == (best, "bob", "b")
    assert "Submission 1 is worse than 3 of team bob by 8.00 ± 0.50" in found["sentence"]


def test_another_teams_submission_cannot_be_compared_by_its_number(service: Served) -> None:
    ada, bob, olga = people(service, "ada", "bob", "olga")
    mine, theirs = (submitted(service, each, judged(1.0)) for each in (ada, bob))

    assert compare(ada, a=mine, b=theirs).status_code == 404
    assert compare(ada, a=theirs, b=mine).status_code == 404
    assert compare(olga, a=mine, b=theirs).status_code == 200


def test_private_scores_are_compared_after_closing_and_with_no_other_team(
    service: Served, clock: Clock
) -> None:
    ada, bob, olga = people(service, "ada", "bob", "olga")
    first, second = (submitted(service, ada, judged(1.0, private=p)) for p in (4.0, 8.0))
    submitted(service, bob, judged(2.0))
    asked = {"a": first, "b": second, "split": "private"}

    before, by_olga = compare(ada, **asked), compare(olga, **asked)
    clock.now = CLOSES_AT
    after, of_bob = compare(ada, **asked), compare(ada, a=first, team="bob", split="private")

    assert (before.status_code, by_olga.status_code, after.status_code) == (403, 200, 200)
    assert after.json()["difference"] == -4.0
    assert of_bob.status_code == 403


def test_nothing_is_compared_while_scores_are_hidden(serve: Serve) -> None:
    service = serve(phase='leaderboard = "hidden"')
    ada, bob, olga = people(service, "ada", "bob", "olga")
    first, second = (submitted(service, ada, judged(1.0)) for _ in range(2))
    submitted(service, bob, judged(1.0))

    hidden = [compare(ada, a=first, b=second), compare(ada, a=first, team="bob")]

    assert [answer.status_code for answer in hidden] == [403, 403]
    assert compare(olga, a=first, b=second).status_code == 200


def test_what_cannot_be_compared_is_refused_with_a_reason(service: Served) -> None:
    (ada,) = people(service, "ada")
    good = submitted(service, ada, judged(1.0))
    bad = submitted(service, ada, rejected("1 id missing: 3"))
    plain = ada.submit().json()["id"]
    service.score(1.0)

    refused = {
        "neither": compare(ada, a=good),
        "both": compare(ada, a=good, b=good, team="ada"),
        "rejected": compare(ada, a=good, b=bad),
        "without evidence": compare(ada, a=good, b=plain),
    }
    told = {name: answer.json()["error"]["message"] for name, answer in refused.items()}

    assert {answer.status_code for answer in refused.values()} == {400}
    assert told["neither"] == told["both"]
    assert "Submission 2 has no score to compare" in told["rejected"]
    assert "not judged alike" in told["without evidence"]
    assert compare(ada, a=good, team="nobody").status_code == 404
    assert compare(ada, a=good, b=99).status_code == 404


def test_a_team_compares_so_often_a_day(serve: Serve) -> None:
    service = serve(n_comparisons=2)
    ada, olga = people(service, "ada", "olga")
    number = submitted(service, ada, judged(1.0))

    codes = [compare(ada, a=number, b=number).status_code for _ in range(3)]

    assert codes == [200, 200, 429]
    assert [compare(olga, a=number, b=number).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    ("found", "better", "said"),
    [
        (Comparison(0.0131, 0.0041, 0.0221, 0.95, 0.0046, 0.0044), "a",
         "Submission 12 is better than 7 by 0.014 ± 0.008 (95 %); p = 0.0044."),
        (Comparison(-30.0, -32.0, -28.0, 0.95, 1.0, 1e-9), "b",
         "Submission 12 is worse than 7 by 30.0 ± 2.0 (95 %); p < 0.001."),
        (Comparison(0.0, 0.0, 0.0, 0.95, 0.0, 1.0), None,
         "Submissions 12 and 7 have the same score."),
    ],
    ids=["better", "worse", "the same"],
)  # fmt: skip
def test_a_comparison_is_one_sentence(found: Comparison, better: str | None, said: str) -> None:
    assert sentence(found, 12, 7, None, better) == said


def test_a_leaderboard_of_a_thousand_teams_is_ranked_without_comparing_each_with_each() -> None:
    rng, entries, influences = np.random.default_rng(0), [], {}
    common = rng.normal(size=1024)
    for number in range(1, 1001):
        moves = common + 0.3 * rng.normal(size=1024)
        influences[number] = (moves - moves.mean()).astype(np.float32)
        scores = {s: {"mae": Score("mae", s, 1 + number / 1e4, 0, 2, 0.95, 2, 100, se=0.03)} for s in Split}
        facts = {"judgement": number, "version": "v", "n_tries": 1}
        entries.append(Entry(number, f"team {number}", NOON, scores, **facts))
    how = {"metric": "mae", "greater_is_better": False}

    rows = with_uncertainty(rank(entries, **how), influences, greater_is_better=False)

    assert len(rows) == 1000
    assert all(row.rank_low <= row.rank <= row.rank_high for row in rows)
