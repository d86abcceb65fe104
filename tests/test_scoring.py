"""Scores by hand, their intervals by statistics, and the organizer's own metrics."""

from __future__ import annotations

from pathlib import Path

import four
import numpy as np
import pytest
from sklearn import metrics as sk

from kit.competition import Competition, load_competition
from kit.errors import InvalidCompetition, MetricFailed
from kit.metrics import Domain
from kit.predictions import read_predictions
from kit.scoring import _PREPARED, score, score_split, score_with_evidence
from kit.submission import Score, Split
from kit.truth import Truth, read_truth


def competition_of(directory: Path, truth: str, keys: str) -> Competition:
    """The competition of four rows with another truth, and other keys of its question."""
    four.write(directory)
    (directory / "private/truth.csv").write_text(truth)
    toml = directory / "competition.toml"
    text = toml.read_text().replace('metric = "mae"\nmore_metrics = ["rmse"]\n', keys + "\n")
    if "target" in keys:
        text = text.replace('target = "count"\n', "")
    toml.write_text(text)
    return load_competition(directory)


def scored(competition: Competition, file: str) -> dict[tuple[str, str], Score]:
    question = competition.question[0]
    truth = read_truth(competition, question)
    predictions = read_predictions(file.encode(), truth.expected)
    found = score(predictions, truth, question, directory=competition.directory)
    return {(s.metric, s.split.value): s for s in found}


def truth_of(competition: Competition) -> Truth:
    return read_truth(competition, competition.question[0])


def test_scores_equal_those_worked_out_by_hand(competition: Competition) -> None:
    scores = scored(competition, "id,count\n4,44\n3,30\n2,21\n1,13\n")

    assert scores["mae", "public"].score == 2
    assert scores["mae", "private"].score == 2
    assert scores["rmse", "public"].score == pytest.approx(5**0.5)
    assert scores["rmse", "private"].score == pytest.approx(8**0.5)
    assert [s.n_rows for s in scores.values()] == [2, 2, 2, 2]


def test_the_interval_contains_the_score(competition: Competition) -> None:
    for s in scored(competition, "id,count\n4,44\n3,30\n2,21\n1,13\n").values():
        assert s.low <= s.score <= s.high
        assert s.level == 0.95
        assert s.n_resamples == 1000


def test_the_same_predictions_get_the_same_interval(competition: Competition) -> None:
    file = "id,count\n4,44\n3,30\n2,21\n1,13\n"

    assert scored(competition, file) == scored(competition, file)


# Classes ------------------------------------------------------------------------------------------------

PETS = "id,count,split\n1,cat,public\n2,dog,public\n3,dog,public\n4,cat,private\n5,dog,private\n"
THREE = "id,count,split\n" + "".join(
    f"{i},{'abc'[i % 3]},{'public' if i < 6 else 'private'}\n" for i in range(12)
)


def test_a_label_metric_takes_the_likelier_of_two_classes(tmp_path: Path) -> None:
    competition = competition_of(tmp_path, PETS, 'metric = "roc_auc"\nmore_metrics = ["accuracy"]')

    scores = scored(competition, "id,count\n1,0.4\n2,0.6\n3,0.3\n4,0.5\n5,0.9\n")

    assert truth_of(competition).expected.domain is Domain.PROBABILITY
    assert scores["accuracy", "public"].score == pytest.approx(2 / 3)
    assert scores["roc_auc", "public"].score == 0.5
    assert scores["accuracy", "private"].score == 0.5


def test_a_label_metric_takes_the_likeliest_of_many_classes(tmp_path: Path) -> None:
    competition = competition_of(tmp_path, THREE, 'metric = "log_loss"\nmore_metrics = ["accuracy"]')
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1, 1, 1], 12)
    file = "id,c,a,b\n" + "".join(f"{i},{p[2]!r},{p[0]!r},{p[1]!r}\n" for i, p in enumerate(shares.tolist()))

    scores = scored(competition, file)

    codes = np.arange(12) % 3
    assert scores["accuracy", "public"].score == (shares.argmax(axis=1) == codes)[:6].mean()
    assert scores["log_loss", "public"].score == pytest.approx(
        sk.log_loss(codes[:6], shares[:6], labels=[0, 1, 2])
    )


def test_two_classes_may_be_asked_for_as_a_distribution(tmp_path: Path) -> None:
    competition = competition_of(
        tmp_path, PETS, 'metric = "average_precision"\nmore_metrics = ["log_loss"]\ndomain = "distribution"'
    )

    scores = scored(competition, "id,cat,dog\n1,0.6,0.4\n2,0.4,0.6\n3,0.7,0.3\n4,0.5,0.5\n5,0.1,0.9\n")

    dog = np.array([0.4, 0.6, 0.3])
    assert scores["average_precision", "public"].score == pytest.approx(
        sk.average_precision_score([0, 1, 1], dog)
    )
    assert scores["log_loss", "public"].score == pytest.approx(sk.log_loss([0, 1, 1], dog))


def test_several_targets_count_alike(tmp_path: Path) -> None:
    truth = "id,a,b,split\n1,1,10,public\n2,2,20,public\n3,3,30,private\n4,4,40,private\n"
    competition = competition_of(tmp_path, truth, 'metric = "mae"\ntarget = ["a", "b"]')

    scores = scored(competition, "id,b,a\n1,10,2\n2,20,3\n3,33,3\n4,43,4\n")

    assert scores["mae", "public"].score == 0.5
    assert scores["mae", "private"].score == 1.5


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            'metric = "accuracy"\nmore_metrics = ["rmse"]',
            "the metrics take different truths: 'accuracy' (class), 'rmse' (number). "
            "Make one question for each kind.",
        ),
        (
            'metric = "average_precision"',
            "'average_precision' takes two classes, and the truth has 3. Choose metrics that go together.",
        ),
        (
            'metric = "log_loss"\ndomain = "label"',
            "'log_loss' cannot be computed from domain 'label'. "
            "Leave domain out: it follows from the metrics.",
        ),
        (
            'metric = "weighted_log_loss"\nmetric_options = { class_weights = { d = 2 } }',
            "class_weights names 'd', and the classes are a, b, c. "
            "Name the classes as they stand in the truth.",
        ),
    ],
    ids=["two kinds", "too many classes", "domain", "class weights"],
)
def test_metrics_that_do_not_fit_the_truth_are_refused(tmp_path: Path, keys: str, problem: str) -> None:
    competition = competition_of(tmp_path, THREE, keys)

    with pytest.raises(InvalidCompetition) as caught:
        truth_of(competition)

    assert [str(p) for p in caught.value.problems] == [
        f"competition.toml: question 'counts': metric: {problem}"
    ]


def test_a_class_may_be_called_NA(tmp_path: Path) -> None:
    competition = competition_of(tmp_path, PETS.replace("cat", "NA"), 'metric = "accuracy"')

    assert truth_of(competition).expected.classes == ("NA", "dog")


# The organizer's own metrics ----------------------------------------------------------------------------


def custom(directory: Path, body: str, truth: str = four.TRUTH, keys: str = "") -> Competition:
    directory.mkdir(exist_ok=True)
    (directory / "metrics.py").write_text(f"def cost(truth, predictions):\n    {body}\n")
    return competition_of(directory, truth, f'metric = "metrics.py:cost"\ngreater_is_better = false\n{keys}')


def test_an_own_metric_gets_two_frames_indexed_by_id(tmp_path: Path) -> None:
    competition = custom(tmp_path, "return (truth['count'] - predictions['count']).abs().max()")

    scores = scored(competition, "id,count\n4,44\n3,30\n2,21\n1,13\n")

    assert scores["metrics.py:cost", "public"].score == 3
    assert scores["metrics.py:cost", "private"].score == 4


def test_an_own_metric_gets_classes_as_the_truth_writes_them(tmp_path: Path) -> None:
    truth = "id,count,split\n1,0,public\n2,1,public\n3,1,private\n4,0,private\n"
    competition = custom(
        tmp_path, "return (truth['count'] == predictions['count']).mean()", truth, 'domain = "label"'
    )

    scores = scored(competition, "id,count\n1,0\n2,1\n3,1\n4,1\n")

    assert scores["metrics.py:cost", "public"].score == 1.0
    assert scores["metrics.py:cost", "private"].score == 0.5


def test_an_own_metric_may_fail_on_a_part_of_a_split(tmp_path: Path) -> None:
    competition = custom(tmp_path, "assert truth['count'].nunique() == 2; return 1.0")

    scores = scored(competition, four.PERFECT)

    public = scores["metrics.py:cost", "public"]
    assert (public.low, public.score, public.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return float('nan')", "Metric 'metrics.py:cost' gives nan on the public split \\(2 rows\\)"),
        ("return float('inf')", "gives inf on the public split"),
        ("return 1 / 0", "Metric 'metrics.py:cost' raised ZeroDivisionError: division by zero"),
        ("return None", "Metric 'metrics.py:cost' raised TypeError"),
        ("return 'x", "Metric 'metrics.py:cost' cannot be loaded: SyntaxError"),
    ],
    ids=["nan", "inf", "raises", "none", "syntax"],
)
def test_an_own_metric_that_fails_is_the_organizers_error(tmp_path: Path, body: str, message: str) -> None:
    competition = custom(tmp_path, body)

    with pytest.raises(MetricFailed, match=message):
        scored(competition, four.PERFECT)


def test_a_function_that_is_not_there_is_named(tmp_path: Path) -> None:
    competition = custom(tmp_path, "return 1.0")
    (tmp_path / "metrics.py").write_text("cost = 3\n")

    with pytest.raises(MetricFailed, match=r"'cost' in 'metrics\.py' is no function"):
        scored(competition, four.PERFECT)


def test_a_score_without_interval_is_the_same_score(competition: Competition) -> None:
    truth, question = truth_of(competition), competition.question[0]
    predictions = read_predictions(four.OFF_BY_TWO.encode(), truth.expected)

    value = score_split("rmse", predictions, truth, question, Split.PRIVATE, directory=competition.directory)

    assert value == 2.0


# Evidence -----------------------------------------------------------------------------------------------


def test_the_evidence_is_of_the_ranking_metric_on_each_split(competition: Competition) -> None:
    question = competition.question[0]
    truth = truth_of(competition)
    predictions = read_predictions(b"id,count\n1,13\n2,21\n3,30\n4,44\n", truth.expected)

    scoring = score_with_evidence(predictions, truth, question, directory=competition.directory)

    assert scoring.scores == score(predictions, truth, question, directory=competition.directory)
    assert [e.split for e in scoring.evidence] == list(Split)
    for evidence, scored_mae in zip(scoring.evidence, scoring.scores[:2], strict=True):
        assert scored_mae.metric == "mae"
        # Two rows, off by 1 and 3 or by 0 and 4: the influences are the distances from their mean.
        assert sorted(evidence.influences) == [-scored_mae.se, scored_mae.se]
        assert set(evidence.resampled.tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}


def test_a_new_truth_gets_new_blocks_and_an_old_one_is_let_go(competition: Competition) -> None:
    question = competition.question[0]
    truth = truth_of(competition)
    predictions = read_predictions(four.PERFECT.encode(), truth.expected)
    before = len(_PREPARED)

    score(predictions, truth, question, directory=competition.directory)
    score(predictions, truth, question, directory=competition.directory)
    held = len(_PREPARED)
    del truth

    assert held == before + 1
    assert len(_PREPARED) == before
