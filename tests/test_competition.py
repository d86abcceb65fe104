"""Reading competition.toml: every kind of problem, in the words its organizer reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import four
import pytest

from kit.competition import (
    class_text,
    load_competition,
    question_version,
    read_competition,
)
from kit.errors import InvalidCompetition, NotFound


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(InvalidCompetition) as caught:
        load_competition(directory)
    return [str(problem) for problem in caught.value.problems]


def edited(directory: Path, old: str, new: str) -> Path:
    four.write(directory)
    toml = directory / "competition.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new, 1))
    return directory


def test_a_competition_is_read_as_it_is_written(tmp_path: Path) -> None:
    competition = four.competition(tmp_path)

    assert competition.title == "Four"
    assert competition.directory == tmp_path.resolve()
    assert competition.question[0].target == ("count",)
    assert competition.question[0].metrics == ("mae", "rmse")
    assert not competition.question[0].is_greater_better("mae")
    assert [phase.id for phase in competition.phases] == ["main"]
    assert competition.phases[0].closes_at == four.CLOSES_AT


WRONG = {
    "unknown key": (
        'slug = "four"',
        'slug = "four"\nsummery = "x"',
        "competition.toml: summery: is no key of the kit. Did you mean 'summary'?",
    ),
    "unknown key of a question": (
        'metric = "mae"',
        'metric = "mae"\nmore_metric = []',
        "competition.toml: question 'counts': more_metric: is no key of the kit. "
        "Did you mean 'more_metrics'?",
    ),
    "missing key": (
        'title = "Four"\n',
        "",
        "competition.toml: title: is missing. Add title = …",
    ),
    "missing key of a question": (
        'target = "count"\n',
        "",
        "competition.toml: question 'counts': target: is missing. Add target = …",
    ),
    "no id": (
        'id = "counts"\n',
        "",
        "competition.toml: question 1: id: is missing. Add id = …",
    ),
    "no time zone": (
        "opens_at = 2026-03-01T09:00:00Z",
        "opens_at = 2026-03-01T09:00:00",
        "competition.toml: opens_at: 2026-03-01 09:00:00 has no time zone. "
        "Write UTC, as in 2026-03-01T09:00:00Z.",
    ),
    "no time": (
        "closes_at = 2026-03-08T18:00:00Z",
        'closes_at = "tomorrow"',
        "competition.toml: closes_at: 'tomorrow' is no time. Write UTC, as in 2026-03-01T09:00:00Z.",
    ),
    "closes first": (
        "closes_at = 2026-03-08T18:00:00Z",
        "closes_at = 2026-02-08T18:00:00Z",
        "competition.toml: closes_at (2026-02-08 18:00:00+00:00) is not after "
        "opens_at (2026-03-01 09:00:00+00:00). Move one of the two.",
    ),
    "slug": (
        'slug = "four"',
        'slug = "Four rows"',
        "competition.toml: slug: 'Four rows' is no slug. "
        "Use lower-case letters, digits and hyphens, as in 'my-competition'.",
    ),
    "unknown metric": (
        'metric = "mae"',
        'metric = "rsme"',
        "competition.toml: question 'counts': metric: There is no metric 'rsme'. "
        "Did you mean 'rmse' or 'smape' or 'rmsle'?",
    ),
    "a direction that is not the metric's": (
        'metric = "mae"',
        'metric = "mae"\ngreater_is_better = true',
        "competition.toml: question 'counts': greater_is_better is true, and the contrary holds for 'mae'. "
        "Take it out: it is for your own metrics.",
    ),
    "own metric without direction": (
        'metric = "mae"',
        'metric = "metrics.py:cost"',
        "competition.toml: question 'counts': 'metrics.py:cost' is your own metric, and its direction "
        "cannot be guessed. Add greater_is_better = true or false.",
    ),
    "no target": (
        'target = "count"',
        "target = []",
        "competition.toml: question 'counts': target: names no column. Name at least one target column.",
    ),
    "id as target": (
        'target = "count"',
        'target = "id"',
        "competition.toml: question 'counts': 'id' is named as two columns. "
        "id_column, target and 'split' differ.",
    ),
    "no list": (
        'data = ["data/train.csv", "data/test.csv"]',
        'data = "data/train.csv"',
        "competition.toml: question 'counts': data: 'data/train.csv' is no list. "
        "Write data = ['data/train.csv'].",
    ),
    "one bracket": (
        "[[phase]]",
        "[phase]",
        "competition.toml: phase: is no list of tables. Write [[phase]], with two brackets.",
    ),
    "out of range": (
        "daily_limit = 3",
        "daily_limit = 0",
        "competition.toml: phase 'main': daily_limit: is 0. It should be greater than or equal to 1.",
    ),
    "text for a number": (
        "daily_limit = 3",
        'daily_limit = "3"',
        "competition.toml: phase 'main': daily_limit: is '3'. It should be a valid integer.",
    ),
    "true for a number": (
        "daily_limit = 3",
        "interval_s = true",
        "competition.toml: phase 'main': interval_s: is True. It should be a valid number.",
    ),
    "text for false": (
        "daily_limit = 3",
        'rejected_count = "no"',
        "competition.toml: phase 'main': rejected_count: is 'no'. It should be a valid boolean.",
    ),
    "endless": (
        "daily_limit = 3",
        "[limits]\nmax_mb = inf",
        "competition.toml: limits.max_mb: is inf. It should be a finite number.",
    ),
    "number for a time": (
        "opens_at = 2026-03-01T09:00:00Z",
        "opens_at = 20260301",
        "competition.toml: opens_at: 20260301 is no time. Write UTC, as in 2026-03-01T09:00:00Z.",
    ),
    "number for a time of day": (
        "daily_limit = 3",
        "[limits]\nday_starts_at = 6",
        "competition.toml: limits.day_starts_at: 6 is no time of day. Write it as 06:00:00, without quotes.",
    ),
    "no address": (
        "daily_limit = 3",
        '[access]\nemails = ["example.org"]',
        "competition.toml: access.emails: 'example.org' is no address. "
        "Write ada@example.org, or @example.org for all of a domain.",
    ),
    "repeated class": (
        'metric = "mae"',
        'metric = "accuracy"\nclasses = [1, 2, "1"]',
        "competition.toml: question 'counts': classes: '1' stands 2 times. Name each class once.",
    ),
    "own metric without function": (
        'metric = "mae"',
        'metric = "metrics.py"',
        "competition.toml: question 'counts': metric: 'metrics.py' names no function. "
        "Write 'metrics.py:FUNCTION'.",
    ),
    "phase without an end": (
        "daily_limit = 3",
        '[[phase]]\nid = "late"',
        "competition.toml: phase 'main': closes_at: is missing, and 'late' has no opens_at. "
        "Add one of the two.",
    ),
    "option of a metric": (
        'metric = "mae"',
        'metric = "pinball"\nmetric_options = { alpha = 0.9 }',
        "competition.toml: question 'counts': metric_options: 'alpha' is no option of a metric. "
        "It is class_weights = { class = weight }; other numbers go into the name: pinball@0.9.",
    ),
    "repeated phase": (
        '[[phase]]\nid = "main"',
        '[[phase]]\nid = "main"\ncloses_at = 2026-03-04T00:00:00Z\n[[phase]]\nid = "main"',
        "competition.toml: phase.id: 'main' stands 2 times. Give each its own id.",
    ),
    "phase after the end": (
        '[[phase]]\nid = "main"',
        '[[phase]]\nid = "main"\ncloses_at = 2026-03-09T00:00:00Z',
        "competition.toml: phase 'main': closes_at: closes at 2026-03-09 00:00:00+00:00, after the "
        "competition (2026-03-08 18:00:00+00:00). Move one of the two.",
    ),
    "phase before the start": (
        '[[phase]]\nid = "main"',
        '[[phase]]\nid = "main"\nopens_at = 2026-02-01T00:00:00Z',
        "competition.toml: phase 'main': opens_at: opens at 2026-02-01 00:00:00+00:00, before the "
        "competition (2026-03-01 09:00:00+00:00). Move one of the two.",
    ),
    "missing file": (
        '"data/test.csv"',
        '"data/tset.csv"',
        "competition.toml: question 'counts': data: the file 'data/tset.csv' is not there. "
        "Add it, or mend the path.",
    ),
    "file outside": (
        '"data/test.csv"',
        '"../test.csv"',
        "competition.toml: question 'counts': data: '../test.csv' is outside the competition's folder. "
        "Move the file inside.",
    ),
    "truth published": (
        '"data/test.csv"',
        '"private/truth.csv"',
        "competition.toml: question 'counts': data: 'private/truth.csv' is the truth, and participants "
        "get it. Take it out of data.",
    ),
}


@pytest.mark.parametrize(("old", "new", "problem"), WRONG.values(), ids=WRONG)
def test_each_problem_is_named_with_its_key_and_the_way_out(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    found = problems_of(edited(tmp_path, old, new))

    assert found == [problem]


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    edited(tmp_path, 'slug = "four"', "slug = 4\nsummery = 1")
    (tmp_path / "data/test.csv").unlink()

    found = problems_of(tmp_path)

    assert [problem.split(": ")[1] for problem in found] == ["slug", "summery", "question 'counts'"]


def test_phases_must_not_overlap(tmp_path: Path) -> None:
    late = '[[phase]]\nid = "late"\nopens_at = 2026-03-03T00:00:00Z\n'
    early = '[[phase]]\nid = "early"\ncloses_at = 2026-03-04T00:00:00Z\n'
    edited(tmp_path, '[[phase]]\nid = "main"\n', early + late)

    assert problems_of(tmp_path) == [
        "competition.toml: phase 'late': opens_at: opens at 2026-03-03 00:00:00+00:00, before 'early' "
        "closes (2026-03-04 00:00:00+00:00). Phases must not overlap."
    ]


def test_a_phase_without_an_end_ends_where_the_next_begins(tmp_path: Path) -> None:
    late = '[[phase]]\nid = "late"\nopens_at = 2026-03-03T00:00:00Z\n'
    competition = load_competition(
        edited(tmp_path, '[[phase]]\nid = "main"\n', f'[[phase]]\nid = "a"\n{late}')
    )
    turn = datetime(2026, 3, 3, tzinfo=UTC)

    early, late_phase = competition.phases

    assert (early.closes_at, late_phase.closes_at) == (turn, four.CLOSES_AT)
    assert competition.phase_at(turn - timedelta(seconds=1)) == early
    assert competition.phase_at(turn) == late_phase
    assert competition.phase_at(four.CLOSES_AT) is None


def test_times_of_another_zone_are_kept_in_utc(tmp_path: Path) -> None:
    competition = load_competition(
        edited(tmp_path, "opens_at = 2026-03-01T09:00:00Z", "opens_at = 2026-03-01T10:00:00+01:00")
    )

    assert competition.opens_at == four.OPENS_AT
    assert competition.opens_at.tzinfo == UTC


def test_a_folder_without_competition_is_told_how_to_get_one(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == [
        "competition.toml: is not there. Write one with 'kit init', or name the folder that holds it."
    ]


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "competition.toml").write_text("title = \nslug = 1\n")

    assert "line 1" in problems_of(tmp_path)[0]


def test_what_can_be_read_of_a_wrong_file_is_returned_with_its_problems(tmp_path: Path) -> None:
    competition, problems = read_competition(edited(tmp_path, 'slug = "four"', 'slug = "F"\nx = 1'))

    assert competition is not None
    assert competition.question[0].id == "counts"
    assert [problem.key for problem in problems] == ["slug", "x"]


def test_an_unknown_question_names_those_there_are(tmp_path: Path) -> None:
    competition = four.competition(tmp_path)

    assert competition.find_question(None) is competition.find_question("counts")
    with pytest.raises(NotFound, match="has no question 'prices'; it has 'counts'"):
        competition.find_question("prices")


def test_the_version_of_a_question_changes_with_truth_and_metric_only(tmp_path: Path) -> None:
    before = four.competition(tmp_path / "a")
    same = four.competition(tmp_path / "b", question='title = "Another title"')
    toml = four.write(tmp_path / "c") / "competition.toml"
    toml.write_text(toml.read_text().replace('metric = "mae"', 'metric = "medae"'))
    other = load_competition(tmp_path / "c")
    versions = [question_version(c, c.question[0]) for c in (before, same, other)]
    (tmp_path / "a/private/truth.csv").write_text(four.TRUTH.replace("40", "41"))

    assert versions[0] == versions[1] != versions[2]
    assert question_version(before, before.question[0]) != versions[0]


@pytest.mark.parametrize(("value", "text"), [(1, "1"), (1.0, "1"), ("1", "1"), (1.5, "1.5"), (True, "True")])
def test_a_class_has_one_text_however_it_is_stored(value: object, text: str) -> None:
    assert class_text(value) == text
