"""Code from a participant's hand to its score: client, cell and command line, on a real service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import four
import nbclient
import nbformat
import pytest
from arena import taking_part
from running import Service, running
from test_cli_organizer import Kit
from waiting import until

from kit.client import CompetitionClient, Submission
from kit.errors import InvalidRequest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MEAN = """\
class Mean:
    def fit(self, X, y):
        self.mean = y.mean()
        return self

    def predict(self, X):
        return [self.mean] * len(X)


def get_estimator():
    return Mean()
"""
FAILS = """\
def get_estimator():
    print("so far so good")
    return {}["missing"]
"""
SLEEPS = MEAN.replace("self.mean =", "import time; time.sleep(100); self.mean =")
WAIT_S = 240


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("code")
    directory = four.write(home / "four", question=four.CODE, phase="", closes_at="2099-01-01T00:00:00Z")
    with running([directory], home / "data") as service:
        yield service


@pytest.fixture(scope="module")
def comp(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompetitionClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        comp = taking_part(service.url, "ada")
        yield comp
        comp.client.close()


@pytest.fixture
def send(comp: CompetitionClient, tmp_path: Path) -> Callable[[str], Submission]:
    def send(text: str) -> Submission:
        (tmp_path / "mine.py").write_text(text)
        return comp.submit(tmp_path / "mine.py", note="by hand")

    return send


def test_code_is_scored_on_folds_and_by_the_truth(
    comp: CompetitionClient, send: Callable[[str], Submission]
) -> None:
    sent = send(MEAN).wait(WAIT_S)

    # Train counts are 15, 25, 35; each fold holds one of them out, and all folds together predict 25.
    assert (sent.state, sent.kind, sent.score) == ("SCORED", "code", 10.0), repr(sent)
    runs = sent.runs()
    assert runs["state"].to_list() == ["done"] * 3
    assert sorted(runs["valid"]) == [0.0, 15.0, 15.0]
    assert (runs["fit_s"] > 0).all() and (runs["peak_bytes"] > 0).all()
    assert sent.code["isolation"] and sent.code["reproducible"] is True
    assert comp.code(sent).files == {"mine.py": MEAN}
    with pytest.raises(InvalidRequest, match="nothing to cancel"):
        sent.cancel()


def test_a_folder_with_modules_is_run(comp: CompetitionClient, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    (folder / "models").mkdir(parents=True)
    (folder / "models/mean.py").write_text(MEAN)
    (folder / "estimator.py").write_text("from models.mean import get_estimator\n")

    sent = comp.submit(folder).wait(WAIT_S)

    assert (sent.state, sent.facts["filename"]) == ("SCORED", "parts.zip"), repr(sent)
    assert set(comp.code(sent).files) == {"estimator.py", "models/mean.py"}


def test_where_code_failed_is_told(send: Callable[[str], Submission]) -> None:
    sent = send(FAILS).wait(WAIT_S)

    assert (sent.state, sent.verdict) == ("REJECTED", "crashed")
    assert 'File "estimator.py", line 3, in get_estimator' in sent.traceback
    assert "KeyError: 'missing'" in sent.traceback
    assert "so far so good" in sent.traceback


def test_what_runs_can_be_cancelled(send: Callable[[str], Submission]) -> None:
    sent = send(SLEEPS)
    until(
        lambda: sent.refresh().state == "RUNNING" and any(f["state"] == "running" for f in sent.folds),
        within_s=WAIT_S,
    )

    sent.cancel().wait(WAIT_S)

    assert (sent.state, sent.verdict) == ("REJECTED", "cancelled")


def test_a_cell_is_submitted_tried_and_mended(service: Service, comp: CompetitionClient) -> None:
    cells = [
        f"%load_ext kit\nimport kit\ncomp = kit.connect('{service.url}/four', token='{comp.client.token}')",
        f"%%submit --dry-run\n{MEAN}",
        f'%%submit --again --note "from a cell"\n{MEAN}',
        "print(repr(_.wait()))",
        "%%submit\ndef get_estimator(:\n    pass",
        "%%submit --dryrun\nx = 1",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])

    nbclient.NotebookClient(
        notebook, timeout=WAIT_S, startup_timeout=WAIT_S, allow_errors=True, kernel_name="python3"
    ).execute()

    _, tried, sent, waited, wrong, option = [cell.outputs for cell in notebook.cells]
    assert "Dry run for 'counts': DONE" in tried[-1].data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in tried[-1].data
    assert sent[-1].data["text/plain"].startswith("Submission ")
    assert "SCORED, public mae 10" in waited[-1].text
    assert wrong[-1].traceback[-1] == (
        "InvalidRequest: estimator.py, line 1: invalid syntax\n    def get_estimator(:"
    )
    assert "There is no option --dryrun. Did you mean --dry-run?" in option[-1].evalue
    newest = comp.submissions()[0]
    assert (newest.facts["note"], newest.facts["filename"]) == ("from a cell", "estimator.py")


def test_code_is_taken_into_a_cell(
    service: Service, send: Callable[[str], Submission], tmp_path: Path
) -> None:
    sent = send(f"{MEAN}\n# to be taken\n")
    script = tmp_path / "script.ipy"
    script.write_text(
        f"import kit\ncomp = kit.connect('{service.url}/four', token='{sent.client.token}')\n"
        f"comp.use({sent.id})\nprint(get_ipython().rl_next_input)\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)],
        capture_output=True,
        text=True,
    )

    assert done.stdout.startswith(f"# Submission {sent.id} by ada: mine.py\n{MEAN}"), done


def test_the_command_line_submits_shows_and_reads_code(
    service: Service, comp: CompetitionClient, tmp_path: Path
) -> None:
    kit = Kit(tmp_path / "home")
    env = {"KIT_URL": f"{service.url}/four", "KIT_TOKEN": str(comp.client.token)}
    kit.home.mkdir()
    (kit.home / "fails.py").write_text(FAILS)
    (kit.home / "mean.py").write_text(MEAN)

    good, bad = kit("submit", "-f", "mean.py", **env), kit("submit", "-f", "fails.py", **env)

    assert good.returncode == 0, good.stderr
    assert "SCORED, public mae 10" in good.stdout and "mean ± std" in good.stdout
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "KeyError: 'missing'" in bad.stderr
    number = str(comp.submissions()[0].id)
    shown = kit("submissions", "--id", number, "--traceback", **env)
    assert 'File "estimator.py", line 3' in shown.stdout
    assert kit("code", number, **env).stdout == f"# fails.py\n{FAILS}\n"
    assert json.loads(kit("code", number, "--json", **env).stdout)["files"][0]["name"] == "fails.py"
    assert kit("code", number, "-o", "out", **env).stdout == "out/fails.py\n"
    assert "nothing to cancel" in kit("cancel", number, **env).stderr
    tried = kit("submit", "-f", "mean.py", "--dry-run", **env)
    assert tried.stdout.startswith("Dry run for 'counts': DONE\n")
    assert tried.stderr.endswith("Nothing was sent or used up.\n")
    assert str(comp.submissions()[0].id) == number
