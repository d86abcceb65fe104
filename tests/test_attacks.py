"""Each attack gets its verdict, learns nothing, leaves nothing, and the next submission runs as before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from planted import NAMES, Expectation, Planted, left_behind, limits_of, planted, texts_of

from kit.runner.run import Run, Runner
from kit.runner.sandbox import Level, RunLimits, detect_isolation

pytestmark = pytest.mark.skipif(
    detect_isolation().level is not Level.ISOLATED, reason=f"no jail here: {detect_isolation().missing}"
)

PEEKERS = [name for name in NAMES if Expectation.of(name).peeks]
TRIES = [
    *((name, "warm") for name in NAMES),
    *((name, "cold") for name in NAMES if Expectation.of(name).tries_the_jail),
]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    with planted(tmp_path_factory.mktemp("host")) as found:
        yield found


class Runners:
    """By limits and way of starting: one runner that all submissions share, as a service's would be."""

    def __init__(self) -> None:
        self._kept: dict[tuple[RunLimits, str], Runner] = {}

    def __call__(self, name: str, start: str) -> Runner:
        key = limits_of(Expectation.of(name)), start
        if key not in self._kept:
            self._kept[key] = Runner(key[0], level=Level.ISOLATED, warm=start == "warm")
        return self._kept[key]

    def close(self) -> None:
        for runner in self._kept.values():
            runner.close()


@pytest.fixture(scope="module")
def runners() -> Iterator[Runners]:
    made = Runners()
    yield made
    made.close()


@pytest.fixture(scope="module")
def before(secrets: Planted, runners: Runners) -> Run:
    return secrets.run_with(runners("behaves-well", "cold"), "behaves-well")


@pytest.mark.parametrize(("name", "start"), TRIES)
def test_each_submission_gets_its_verdict_and_the_next_runs_as_before(
    name: str, start: str, secrets: Planted, runners: Runners, before: Run
) -> None:
    expected = Expectation.of(name)
    runner = runners(name, start)

    runs = [secrets.run_with(runner, name) for _ in range(expected.runs)]

    for run in runs:
        check(run, expected, secrets)
    assert runner.is_warm == (start == "warm")
    assert not left_behind(secrets.mark)
    if start == "warm" or expected.hurts:
        assert_same(secrets.run_with(runner, "behaves-well"), before)


@pytest.mark.parametrize("name", PEEKERS)
def test_without_a_jail_the_same_attack_finds_what_was_planted(name: str, secrets: Planted) -> None:
    runs = [secrets.run(name, Level.NONE) for _ in range(Expectation.of(name).runs)]
    remove_notes(secrets.mark)

    assert any(word in texts_of(runs[-1]) for word in Expectation.of(name).never)


def assert_same(after: Run, before: Run) -> None:
    assert after.verdict is None, after.reason
    for stage in ("valid", "test"):
        np.testing.assert_array_equal(after.predictions[stage], before.predictions[stage])


def check(run: Run, expected: Expectation, secrets: Planted) -> None:
    texts = texts_of(run)
    assert (run.verdict or "scored") == expected.verdict, f"{run.reason}\n{run.traceback}\n{run.output}"
    assert bool(run.reason) == (run.verdict is not None)
    for wanted, text in (
        (expected.reason, run.reason),
        (expected.traceback, run.traceback),
        (expected.output, run.output),
    ):
        assert [word for word in wanted if word not in text] == [], text
    assert [word for word in (*expected.never, secrets.secret) if word in texts] == [], texts
    assert len(run.traceback) <= 20_000
    assert len(run.output) <= 20_000
    assert_no_label_was_learnt(run, secrets)
    if expected.fit_s:
        assert run.stages["fit"].wall_s >= expected.fit_s
        assert run.stages["fit"].cpu_s >= 0.9 * expected.fit_s
        assert run.peak_bytes > 50_000_000


def assert_no_label_was_learnt(run: Run, secrets: Planted) -> None:
    valid = run.predictions.get("valid")
    if valid is not None:
        assert not np.isclose(valid[40:], secrets.y[40:]).any()


def remove_notes(mark: str) -> None:
    places = [Path(p) for p in ("/tmp", "/dev/shm", "/var/tmp", "/dev", "/run", "/")]
    places += [Path(np.__file__).parent, Path(os.__file__).parent]
    for path in (path for place in places for path in place.glob(f"{mark}*")):
        path.unlink()
