"""The sandbox itself: levels, limits, stages, cancelling, texts that are withheld, and death of its owner."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planted import is_gone, processes_with
from scipy import sparse

from kit.errors import SandboxUnavailable
from kit.runner import exchange, harness
from kit.runner.replies import problem_of
from kit.runner.run import Run, Runner, Task
from kit.runner.sandbox import MEGABYTE, Isolation, Level, RunLimits, detect_isolation
from kit.runner.sandbox_filter import filter_program
from kit.runner.sandbox_jail import mount_points
from kit.submission import Verdict

LIMITS = RunLimits(cpu_s=60, wall_s=120, memory_bytes=400 * MEGABYTE, n_pids=16, disk_bytes=20 * MEGABYTE)
IS_ISOLATED = detect_isolation().level is Level.ISOLATED
needs_a_jail = pytest.mark.skipif(not IS_ISOLATED, reason=f"no jail here: {detect_isolation().missing}")
LEVELS = [level for level in Level if level is not Level.ISOLATED or IS_ISOLATED]

X = pd.DataFrame({"a": np.arange(12.0), "kind": ["cat", "dog", "eel"] * 4})
Y = np.array([0, 1, 1] * 4)
X_TEST = X[:5]

MEAN = """
class Estimator:
    def fit(self, X, y):
        self.mean = y.mean()
        return self

    def predict(self, X):
        return [self.mean] * len(X)
"""


def code(folder: Path, text: str, name: str = "estimator.py") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"{text}\n\ndef get_estimator():\n    return Estimator()\n")
    return folder


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner(LIMITS, level=LEVELS[0]) as made:
        yield made


def run(runner: Runner, folder: Path, text: str = MEAN, **settings: Any) -> Run:
    task = {name: settings.pop(name) for name in ("wants", "classes", "mounts", "seed") if name in settings}
    return runner.run(Task(code(folder, text), **task), X[:8], Y[:8], X, X_TEST, **settings)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_code_gives_the_same_predictions_at_each_level(level: Level, tmp_path: Path) -> None:
    with Runner(LIMITS, level=level) as runner:
        done = run(runner, tmp_path / "code")

    assert done.verdict is None
    np.testing.assert_array_equal(done.predictions["valid"], np.full(12, Y[:8].mean()))
    np.testing.assert_array_equal(done.predictions["test"], np.full(5, Y[:8].mean()))
    assert list(done.stages) == ["fit", "valid", "test"]
    assert done.peak_bytes > 30 * MEGABYTE
    assert "numpy" in done.packages


@needs_a_jail
def test_detection_says_what_is_in_force() -> None:
    found = detect_isolation()

    assert {"pid namespace", "net namespace", "no capabilities", "seccomp", "no host files"} <= set(
        found.features
    )
    assert not any("namespace" in missing for missing in found.missing)


def test_levels_are_ordered() -> None:
    assert Level.ISOLATED.is_at_least(Level.LIMITED)
    assert Level.LIMITED.is_at_least(Level.LIMITED)
    assert not Level.NONE.is_at_least(Level.LIMITED)
    assert Isolation(Level.NONE).features == ()


@needs_a_jail
def test_a_fresh_run_is_forked_and_one_that_is_not_warm_is_started(tmp_path: Path) -> None:
    with (
        Runner(LIMITS, level=Level.ISOLATED) as warm,
        Runner(LIMITS, level=Level.ISOLATED, warm=False) as cold,
    ):
        runs = [run(runner, tmp_path / "code") for runner in (warm, cold)]

        assert (warm.is_warm, cold.is_warm) == (True, False)
    np.testing.assert_array_equal(runs[0].predictions["test"], runs[1].predictions["test"])


@needs_a_jail
def test_a_template_outlives_the_thread_that_started_it_and_is_replaced_by_jails_when_it_dies(
    tmp_path: Path,
) -> None:
    with Runner(LIMITS, level=Level.ISOLATED) as runner:
        first: list[Run] = []
        thread = threading.Thread(target=lambda: first.append(run(runner, tmp_path / "a")))
        thread.start()
        thread.join()

        second = run(runner, tmp_path / "b")
        was_warm = runner.is_warm
        (template,) = runner._templates.values()
        os.kill(template._spawned.root, signal.SIGKILL)
        # Until then it may still answer, and give a run that dies with it.
        assert is_gone(template._spawned.root)
        third = run(runner, tmp_path / "c")

    assert was_warm
    assert [done.verdict for done in (*first, second, third)] == [None, None, None]


@needs_a_jail
def test_a_run_whose_template_dies_blames_nobody(tmp_path: Path) -> None:
    text = MEAN.replace("self.mean = y.mean()", "import time; time.sleep(600)")
    with Runner(LIMITS, level=Level.ISOLATED) as runner:

        def end(stage: str) -> None:
            (template,) = runner._templates.values()
            os.kill(template._spawned.root, signal.SIGKILL)

        with pytest.raises(SandboxUnavailable, match="ended from outside"):
            run(runner, tmp_path / "code", text, on_stage=end)


def test_runs_of_several_threads_do_not_meet(runner: Runner, tmp_path: Path) -> None:
    done: dict[int, Run] = {}
    text = MEAN.replace(
        "self.mean = y.mean()",
        """import pathlib, time
        place = pathlib.Path("note")
        self.mean = float(place.exists())
        place.write_text("seen")
        time.sleep(0.2)""",
    )

    def one(i: int) -> None:
        done[i] = run(runner, tmp_path / str(i), text)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [done[i].predictions["test"].sum() for i in range(4)] == [0.0] * 4


def test_a_run_that_is_stopped_is_cancelled_and_its_processes_die(runner: Runner, tmp_path: Path) -> None:
    stop = threading.Event()
    text = MEAN.replace("self.mean = y.mean()", "import time; time.sleep(600)")

    done = run(runner, tmp_path / "code", text, stop=stop, on_stage=lambda _: stop.set())

    assert done.verdict is Verdict.CANCELLED
    assert done.reason == "The run was cancelled."


def test_stages_are_told_as_they_begin(runner: Runner, tmp_path: Path) -> None:
    seen: list[str] = []

    run(runner, tmp_path / "code", on_stage=seen.append)

    assert seen == ["fit", "valid", "test"]


def test_inputs_of_a_stage_come_only_when_the_stage_before_is_answered(
    runner: Runner, tmp_path: Path
) -> None:
    text = """
import os, select, sys


class Estimator:
    def fit(self, X, y):
        print(len(X), "waiting", bool(select.select([reading_end()], [], [], 0.2)[0]))
        return self

    def predict(self, X):
        print(len(X), "waiting", bool(select.select([reading_end()], [], [], 0.2)[0]))
        return [0.0] * len(X)


def reading_end():
    import gc

    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel").read_fd
"""

    done = run(runner, tmp_path / "code", text)

    assert done.output.splitlines() == ["8 waiting False", "12 waiting False", "5 waiting False"]


def test_texts_made_while_hidden_inputs_are_there_are_withheld(tmp_path: Path) -> None:
    text = MEAN.replace("        return [", "        print('saw', len(X), X)\n        return [")
    raises = text.replace(
        "        return [", "        if len(X) == 5:\n            raise ValueError(X)\n        return ["
    )
    with Runner(LIMITS, level=LEVELS[0], hide_inputs=True) as runner:
        scored = run(runner, tmp_path / "a", text)
        crashed = run(runner, tmp_path / "b", raises)

    assert scored.verdict is None
    assert scored.withheld
    assert "saw 12" in scored.output
    assert "saw 5" not in scored.output
    assert crashed.verdict is Verdict.CRASHED
    assert crashed.traceback == ""
    assert "saw 5" not in crashed.output
    assert "ValueError" not in crashed.reason
    assert "withheld" in crashed.reason


def test_probabilities_come_in_the_order_of_all_classes(runner: Runner, tmp_path: Path) -> None:
    text = """
import numpy as np


class Estimator:
    def fit(self, X, y):
        self.classes_ = np.array([1, 0])
        return self

    def predict_proba(self, X):
        return np.array([[0.9, 0.1]] * len(X))
"""

    done = run(runner, tmp_path / "code", text, wants="predict_proba", classes=(0, 1, 2))

    np.testing.assert_array_equal(done.predictions["test"], [[0.1, 0.9, 0.0]] * 5)


def test_labels_that_do_not_exist_are_named(runner: Runner, tmp_path: Path) -> None:
    text = MEAN.replace("[self.mean]", "['ant']")

    done = run(runner, tmp_path / "code", text, classes=("cat", "dog"))

    assert done.verdict is Verdict.INVALID_PREDICTIONS
    assert "'ant'" in done.reason
    assert "'cat', 'dog'" in done.reason


def test_an_estimator_without_the_method_that_is_needed_is_told_so(runner: Runner, tmp_path: Path) -> None:
    done = run(runner, tmp_path / "code", wants="predict_proba", classes=(0, 1))

    assert done.verdict is Verdict.CRASHED
    assert "predict_proba" in done.reason


def test_what_is_mounted_can_be_read_and_imported_and_not_changed(tmp_path: Path) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "scales.py").write_text("FACTOR = 3.0\n")
    text = MEAN.replace("self.mean = y.mean()", "import scales; self.mean = scales.FACTOR")
    with Runner(LIMITS, level=LEVELS[0]) as runner:
        done = run(runner, tmp_path / "code", text, mounts=(folder,))

    assert done.predictions["test"].tolist() == [3.0] * 5


def test_two_mounts_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Two mounts of one name among data, data"):
        mount_points([tmp_path / "a" / "data", tmp_path / "b" / "data"])


def test_links_in_a_submission_are_not_followed(runner: Runner, tmp_path: Path) -> None:
    folder = code(
        tmp_path / "code", MEAN.replace("self.mean = y.mean()", "import os; print(os.listdir('.'))")
    )
    (folder / "truth").symlink_to("/etc/passwd")

    done = run(runner, folder, (folder / "estimator.py").read_text())

    assert "truth" not in done.output


def test_a_draw_is_the_same_each_time(runner: Runner, tmp_path: Path) -> None:
    text = "import random\nimport numpy as np\n" + MEAN.replace(
        "y.mean()", "np.random.normal() + random.random() + hash('a') % 1000"
    )

    runs = [run(runner, tmp_path / "code", text, seed=7) for _ in range(2)]

    np.testing.assert_array_equal(runs[0].predictions["test"], runs[1].predictions["test"])


@needs_a_jail
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_runs_die_with_the_process_that_asked_for_them(warm: bool, tmp_path: Path) -> None:
    text = MEAN.replace(
        "self.mean = y.mean()",
        "import os, sys; os.execv(sys.executable, [sys.executable, '-c', SLEEP, MARK])",
    )
    mark = f"owned-{os.getpid()}-{warm}"
    code(tmp_path / "code", f"MARK, SLEEP = {mark!r}, 'import time; time.sleep(600)'\n{text}")
    script = f"""
import numpy as np, pandas as pd
from pathlib import Path
from kit.runner.run import Runner, Task
from kit.runner.sandbox import Level, RunLimits
X = pd.DataFrame({{"a": np.arange(8.0)}})
runner = Runner(RunLimits(), level=Level.ISOLATED, warm={warm})
runner.run(Task(Path({str(tmp_path / "code")!r})), X, X.a, X, X)
"""
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as owner:
        while not (found := [line for line in processes_with(mark) if "sleep" in line]):
            assert owner.poll() is None
            time.sleep(0.05)
        owner.kill()
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*") if mark in cmdline(path)]

    assert found
    assert all(is_gone(pid) for pid in pids)


def cmdline(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_what_computes_for_too_long_is_ended_by_the_signal_that_says_so() -> None:
    limits = {"cpu_s": 2, "disk_bytes": MEGABYTE, "n_files": 64, "memory_bytes": 400 * MEGABYTE}
    limits |= {"reserve_bytes": 400 * MEGABYTE, "n_pids": 0}
    script = f"from kit.runner import harness; harness.limit_self({limits})\nwhile True: pass"

    ended = subprocess.run([sys.executable, "-c", script])

    assert ended.returncode == -signal.SIGXCPU


@pytest.mark.skipif(IS_ISOLATED, reason="isolated here")
def test_a_level_this_machine_does_not_have_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="No isolated sandbox here"):
        Runner(LIMITS, level=Level.ISOLATED)


@pytest.mark.parametrize(
    "value",
    [
        X,
        X["kind"].astype("category"),
        X.set_index("kind"),
        np.arange(6.0).reshape(2, 3),
        np.array(["a", "b"]),
        np.array(["a", "b", "c"], dtype=object),
        ["x.png", "y.png"],
        sparse.random(5, 4, density=0.5, format="csr", random_state=0),
        sparse.csc_array(np.eye(3)),
        b"packed",
    ],
    ids=["frame", "categories", "index", "array", "texts", "objects", "list", "csr", "csc", "bytes"],
)
def test_a_value_comes_out_of_a_message_as_it_went_in(value: Any) -> None:
    spec, buffers = exchange.encode(value)

    back = harness.decode(spec, [bytearray(buffer) for buffer in buffers])

    if isinstance(value, pd.DataFrame | pd.Series):
        (pd.testing.assert_frame_equal if value.ndim == 2 else pd.testing.assert_series_equal)(back, value)
    elif sparse.issparse(value):
        assert type(back) is type(value)
        np.testing.assert_array_equal(back.toarray(), value.toarray())
    elif isinstance(value, np.ndarray):
        assert back.dtype == value.dtype
        np.testing.assert_array_equal(back, value)
    else:
        assert back == value


def test_what_has_no_form_to_cross_is_refused() -> None:
    with pytest.raises(exchange.NotSendable, match="type dict cannot be sent"):
        exchange.encode({"a": 1})


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"\x80\x04K\x01.",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x93NUMPY\x09\x00v\x00",
        harness.as_npy(np.arange(3.0))[0] + b"more",
        harness.as_npy(np.arange(3.0))[0][:-1],
    ],
    ids=["nothing", "pickle", "cut header", "version", "more", "less"],
)
def test_bytes_that_are_no_array_are_refused(forged: bytes) -> None:
    with pytest.raises(exchange.BadAnswer):
        exchange.read_npy(forged)


def test_an_upright_column_says_the_same_as_a_flat_one() -> None:
    settings: dict[str, Any] = {"n_rows": 3, "n_columns": 0, "classes": (), "labels": False}

    assert problem_of(np.zeros((3, 1)), "test", **settings) == ""
    assert problem_of(np.zeros(3), "test", **settings) == ""
    assert "(3,) is wanted" in problem_of(np.zeros((3, 2)), "test", **settings)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_lands_within_it(machine: str) -> None:
    program = filter_program(machine)

    assert program is not None
    steps = list(struct.iter_unpack("<HBBI", program))
    assert len(steps) < 4096
    for at, (operation, if_true, if_false, _) in enumerate(steps):
        if operation & 0x07 == 0x05:
            assert at + 1 + max(if_true, if_false) < len(steps)
    assert steps[-1] == (0x06, 0, 0, 0x7FFF0000)


def test_there_is_no_filter_for_a_machine_it_is_not_written_for() -> None:
    assert filter_program("m68k") is None
