"""What the store reads for leaderboards is what they are made of."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import four
import numpy as np
import pytest
from placed import contenders
from test_store import claim, enrol, submit

from kit.competition import Competition
from kit.leaderboard import Row, rank
from kit.store import Received, Store
from kit.submission import Evidence, Outcome, Score, Split, State

INFLUENCES = np.array([0.5, -0.25, -0.25], np.float32)


def scored(public: float, private: float, influences: np.ndarray = INFLUENCES) -> Outcome:
    scores = tuple(
        Score("mae", split, value, value - 1, value + 1, 0.95, 2, 100, se=0.5, warning="few rows")
        for split, value in ((Split.PUBLIC, public), (Split.PRIVATE, private))
    )
    resampled = np.zeros(2, np.float32)
    return Outcome(State.SCORED, scores, evidence=tuple(Evidence(s, influences, resampled) for s in Split))


def fill(store: Store, competition: Competition, rng: random.Random) -> None:
    """Many tries with few different scores, some of which differ after the tenth digit only."""
    teams = [enrol(store, competition, name) for name in ("ada", "bob", "eve", "dan")]
    tried = {team: [] for team in teams}
    for minute in range(60):
        now, who = four.NOON + timedelta(minutes=minute), rng.choice(teams)
        if rng.random() < 0.2:
            blob = store.blobs.add(four.PERFECT.encode())
            received = Received(blob.sha256, blob.n_bytes, "p.csv")
            question = competition.question[0]
            store.submissions.add_baseline(
                competition, question, received, name="ada", user_id=who[0], version="v", now=now
            )
        else:
            tried[who].append(submit(store, competition, who, now=now).id)
        public = rng.choice((0.0, 1.0, 2.0, -3.0, 1e-300)) * (1 + rng.choice((0, 1e-12, 1e-9, 1e-5)))
        store.queue.finish(claim(store), scored(public, rng.randrange(9)), now=now)
    for who in teams[:3]:
        chosen = rng.sample(tried[who], 2)
        store.submissions.select(competition, competition.question[0], who[1], chosen, four.NOON)


def comparable(rows: list[Row]) -> list[Row]:
    return [replace(row, entry=replace(row.entry, n_tries=None)) for row in rows]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("greater_is_better", [True, False], ids=["greater", "less"])
def test_contenders_make_the_same_leaderboard_as_all_submissions(
    store: Store, tmp_path, split: Split, greater_is_better: bool
) -> None:
    competition = four.competition(tmp_path / "four", phase="")
    fill(store, competition, random.Random(f"{split}{greater_is_better}"))
    how = {"metric": "mae", "greater_is_better": greater_is_better}
    every, few = store.entries("four", "counts"), contenders(store, "four", "counts", **how)

    plain, quick = (rank(entries, split=split, **how) for entries in (every, few))

    assert comparable(quick) == plain
    assert len(few) < len(every) / 2
    assert len(plain) == 5


def test_other_metrics_and_questions_are_left_out(store: Store, competition: Competition) -> None:
    submit(store, competition, enrol(store, competition, "ada"))
    store.queue.finish(claim(store), scored(1, 2), now=four.NOON)

    assert contenders(store, "four", "counts", metric="rmse", greater_is_better=False) == []
    assert contenders(store, "four", "other", metric="mae", greater_is_better=False) == []


def test_an_entry_says_how_its_scores_were_judged(store: Store, competition: Competition) -> None:
    submission = submit(store, competition, enrol(store, competition, "ada"))
    assert store.entry(submission.id) is None
    store.queue.finish(claim(store), scored(1, 2), now=four.NOON)

    entry = store.entry(submission.id)

    assert entry == store.entries("four", "counts")[0]
    judgement = store.submissions.judgement(submission.id)
    assert (entry.judgement, entry.version) == (judgement.id, judgement.version)
    score = entry.scores[Split.PUBLIC]["mae"]
    assert (score.score, score.se, score.warning) == (1, 0.5, "few rows")


def test_influences_are_read_for_many_judgements_at_once(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")
    for size in (1.0, 2.0):
        submit(store, competition, ada)
        store.queue.finish(claim(store), scored(1, 2, size * INFLUENCES), now=four.NOON)
    first, second = (entry.judgement for entry in store.entries("four", "counts"))

    found = store.influences([first, second, 99], Split.PRIVATE)

    assert {judgement: influences.tolist() for judgement, influences in found.items()} == {
        first: [0.5, -0.25, -0.25],
        second: [1.0, -0.5, -0.5],
    }
