"""JupyterLab, Voila and Chromium as people use them, on a real service; everything ends with its block."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import four
import httpx2
import nbformat
import pandas as pd
import psutil
from nbformat import v4
from playwright.sync_api import Browser, Dialog, Locator, Page, WebSocket, expect, sync_playwright
from running import Service, free_port, sign_up
from waiting import until

from kit.cli.accounts import StoreAccounts
from kit.demo import _lab
from kit.demo._folder import Folder
from kit.store import Store

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "test-output"
WITH_SCREENSHOTS = os.environ.get("KIT_SCREENSHOTS") == "1"
ORGANIZER = "olga"
LOGINS = ("KIT_TOKEN", "KIT_URL", "XDG_CONFIG_HOME")
SOON_MS = 60_000
"""What comes by itself comes within a second; a machine that stands still for a while must fail no test."""
ASK_S = 60.0
expect.set_options(timeout=SOON_MS)

_CHROMIUM = os.environ.get("KIT_CHROMIUM", "/usr/bin/chromium")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
_ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def password_of(name: str) -> str:
    return f"pass-{name}-1234567"


# Servers


@contextlib.contextmanager
def process(command: Sequence[str], environment: Mapping[str, str], log: Path, url: str) -> Iterator[None]:
    """A server that answers at ``url``; at the end it is stopped, and its kernels with it."""
    with log.open("wb") as out:
        started = subprocess.Popen(
            command, env=dict(environment), stdout=out, stderr=out, cwd=log.parent, start_new_session=True
        )
    try:
        _wait_for(url, started, log)
        yield
    finally:
        _stop(started)


def _asked(method: str, url: str, **given: Any) -> httpx2.Response:
    return httpx2.request(method, url, timeout=ASK_S, **given).raise_for_status()


def _wait_for(url: str, started: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert started.poll() is None, log.read_text()
        with contextlib.suppress(httpx2.TransportError):
            httpx2.get(url, timeout=5)
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}:\n{log.read_text()}")


def _stop(started: subprocess.Popen[bytes]) -> None:
    if started.poll() is not None:
        return
    family = psutil.Process(started.pid).children(recursive=True)
    started.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(60)
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    started.kill()
    started.wait()
    psutil.wait_procs(family, timeout=60)


def bare_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in LOGINS}


@contextlib.contextmanager
def serving(directories: Sequence[Path], data: Path) -> Iterator[Service]:
    """A service with an organizer."""
    with contextlib.closing(Store(data)) as store:
        StoreAccounts(store).add({"name": ORGANIZER, "password": password_of(ORGANIZER)}, organizer=True)
    service = Service(directories, data)
    service.start()
    try:
        yield service
    finally:
        service.stop()


@dataclass
class Lab:
    """A JupyterLab as the demo starts it."""

    url: str
    token: str
    notebooks: Path

    def address(self, notebook: str) -> str:
        # A workspace of its own: tests must not find each other's tabs.
        place = f"lab/workspaces/{Path(notebook).stem}/tree/{notebook}"
        return f"{self.url}/{place}?token={self.token}"

    def end_kernels(self) -> None:
        """Shut all kernels down, as culling does."""
        for kernel in self.kernels():
            _asked("DELETE", f"{self.url}/api/kernels/{kernel['id']}", headers=self._headers)

    def kernels(self) -> list[dict[str, Any]]:
        """What the server tells of its kernels."""
        return list(_asked("GET", f"{self.url}/api/kernels", headers=self._headers).json())

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of these cells; returns its name."""
        kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
        notebook = v4.new_notebook(cells=[v4.new_code_cell(each) for each in cells])
        notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        nbformat.write(notebook, self.notebooks / name)
        return name


@contextlib.contextmanager
def running_lab(
    folder: Path, service: str, *, is_dark: bool = False, options: Sequence[str] = ()
) -> Iterator[Lab]:
    """A JupyterLab, which serves Notebook 7 too, whose kernels know the service."""
    demo, port, token = Folder(folder), free_port(), "0123456789abcdef-of-this-test"
    demo.make()
    _lab.write_settings(demo)
    settings = demo.jupyter / "lab/user-settings/@jupyterlab/apputils-extension"
    theme = json.dumps({"theme": f"JupyterLab {'Dark' if is_dark else 'Light'}"})
    (settings / "themes.jupyterlab-settings").write_text(theme)
    own = bare_environment() | _lab.lab_environment(demo, service, token)
    environment = {key: value for key, value in own.items() if key not in LOGINS or key == "KIT_URL"}
    environment |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    url = f"http://127.0.0.1:{port}"
    command = [*_lab.lab_command(demo, port), *options]
    with process(command, environment, demo.logs.resolve() / "lab.log", f"{url}/api"):
        yield Lab(url, token, demo.notebooks)


# The browser


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium, with nothing of anyone's in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS, timeout=3 * SOON_MS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page, and what should not happen on it."""

    page: Page
    name: str
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    def screenshot(self, what: Locator | None = None, name: str = "") -> None:
        """Keep a picture, if pictures are wanted."""
        if WITH_SCREENSHOTS:
            _picture(what or self.page, f"{self.name}-{name}" if name else self.name)

    def refuse(self, dialog: Dialog) -> None:
        """Note a dialog that should not be."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def listen(self, socket: WebSocket) -> None:
        """Note all that goes through a websocket."""
        socket.on("framereceived", lambda payload: self.received.append(_text(payload)))
        socket.on("framesent", lambda payload: self.sent.append(_text(payload)))

    def has_run_foreign_code(self) -> bool:
        """Whether a planted script has run: it would set this flag."""
        return any(frame.evaluate("window.planted !== undefined") for frame in self.page.frames)


def _text(payload: str | bytes) -> str:
    return payload if isinstance(payload, str) else payload.decode("utf-8", "replace")


def _picture(what: Page | Locator, name: str) -> None:
    OUTPUT.mkdir(exist_ok=True)
    what.screenshot(path=OUTPUT / f"{name}.png")


@contextlib.contextmanager
def visiting(browser: Browser, url: str, name: str, **options: Any) -> Iterator[Visit]:
    """Open a page; keeps a picture of it in test-output/ if the block fails."""
    options = {"viewport": {"width": 1400, "height": 1000}, "locale": "en-GB"} | options
    if WITH_SCREENSHOTS:
        options["device_scale_factor"] = 2
    context = browser.new_context(**options)
    context.set_default_timeout(SOON_MS)
    page = context.new_page()
    visit = Visit(page, name)
    page.on("dialog", visit.refuse)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on("websocket", visit.listen)
    try:
        # Voila's page is complete only when its notebook has run.
        page.goto(url, wait_until="commit")
        yield visit
        assert not visit.dialogs and not visit.has_run_foreign_code()
        assert not visit.errors, visit.errors
    except BaseException:
        with contextlib.suppress(Exception):
            _picture(page, f"failed-{name}")
        raise
    finally:
        context.close()


class Notebook:
    """A notebook that is open in JupyterLab or Notebook 7, used by keyboard and mouse."""

    def __init__(self, visit: Visit) -> None:
        self.page = page = visit.page
        self._sent = visit.sent
        self.cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
        self.cells.first.wait_for()
        if "/notebooks/" in page.url:
            page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for()
        else:
            page.locator(".jp-StatusBar-Widget").get_by_text("| Idle").wait_for()

    def start(self, at: int) -> Locator:
        """Run a code cell by Shift+Enter; returns where its output will be."""
        editor = self.cells.nth(at).locator(".cm-content")
        editor.scroll_into_view_if_needed()
        for _ in range(3):
            n_sent = self._n_runs()
            editor.click()
            editor.press("Shift+Enter")
            # JupyterLab forgets what is run while it still connects to a new kernel.
            ends_at = time.monotonic() + 10
            while self._n_runs() == n_sent and time.monotonic() < ends_at:
                self.page.wait_for_timeout(20)
            if self._n_runs() > n_sent or self.prompt(at).inner_text() == "[*]:":
                break
        return self.output(at)

    def run(self, at: int) -> Locator:
        """Run a code cell and wait for its end; returns its output, in which no error may be."""
        output = self.start(at)
        expect(self.prompt(at)).to_have_text(re.compile(r"\[\d+\]:"), timeout=3 * SOON_MS)
        expect(output.locator(".jp-RenderedText[data-mime-type*=error]")).to_have_count(0)
        return output

    def _n_runs(self) -> int:
        """How many cells were sent to the kernel."""
        return sum('"execute_request"' in each for each in self._sent)

    def prompt(self, at: int) -> Locator:
        return self.cells.nth(at).locator(".jp-InputPrompt")

    def output(self, at: int) -> Locator:
        return self.cells.nth(at).locator(".jp-OutputArea")


def log_in(place: Locator, name: str, password: str | None = None, *, by: str = "Log in") -> None:
    """Fill in the login form."""
    form = place.locator(".kit-login")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Password").fill(password or password_of(name))
    form.get_by_role("button", name=by).click()


def tab(place: Locator, title: str) -> None:
    """Choose a tab of a panel."""
    place.get_by_role("tab", name=title, exact=True).click()


def row(place: Locator, team: str) -> Locator:
    """A team's row on a leaderboard."""
    return place.locator(f'tr[data-row="team:{team}"]')


def teams(place: Locator) -> list[str]:
    """Names on a leaderboard, from the top."""
    return place.locator("tbody .kit-name").all_inner_texts()


def latency_s(table: Locator, team: str, act: Callable[[], Mapping[str, Any]]) -> float:
    """Seconds from the end of judging what ``act`` submits to its team's row being on the page."""
    shown = table.evaluate_handle(
        """(element, key) => {
            const seen = {};
            const look = () => {
                const line = element.querySelector(`tr[data-row="${key}"]`);
                if (line && line.checkVisibility()) seen.at ??= Date.now();
            };
            new MutationObserver(look).observe(element, {childList: true, subtree: true});
            return seen;
        }""",
        f"team:{team}",
    )
    submission = act()
    table.page.wait_for_function("seen => seen.at !== undefined", arg=shown, timeout=SOON_MS)
    ended = pd.Timestamp(submission["finished_at"]).timestamp()
    return float(shown.evaluate("seen => seen.at")) / 1000 - ended


# People who use no browser


class Person:
    """Somebody who takes part over HTTP."""

    def __init__(self, service: str, competition: str, name: str) -> None:
        self.url = f"{service}/{competition}"
        self.base = f"{service}/api/v1"
        self.path = f"{self.base}/competitions/{competition}"
        self.name = name
        if name == ORGANIZER:
            scopes = ["submit", "read", "organize"]
            given = {"name": name, "password": password_of(name), "scopes": scopes}
            answer = _asked("POST", f"{self.base}/tokens", json=given)
            self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        else:
            self.headers = sign_up(service, name)
            self._ask("POST", f"{self.path}/rules")

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")

    @property
    def connects(self) -> str:
        """The lines of a notebook that connect it as this person."""
        return f"import kit\ncomp = kit.connect('{self.url}', token='{self.token}')"

    def submit(self, question: str, content: str, **about: str) -> dict[str, Any]:
        """Submit a file and wait for the verdict."""
        path = f"{self.path}/questions/{question}/submissions"
        params = {"filename": "predictions.csv"} | about
        return self._judged(self._ask("POST", path, params=params, content=content))

    def put_baseline(self, question: str, name: str, content: str) -> dict[str, Any]:
        """Put a baseline on the leaderboard, and wait for its score."""
        path = f"{self.path}/questions/{question}/baselines/{name}/predictions"
        return self._judged(self._ask("PUT", path, content=content))

    def selection(self, question: str) -> list[int]:
        return list(self._ask("GET", f"{self.path}/questions/{question}/selection")["submissions"])

    def submissions(self) -> list[dict[str, Any]]:
        """What this person's team submitted."""
        return list(self._ask("GET", f"{self.path}/submissions"))

    def logins(self) -> list[dict[str, Any]]:
        """Logins of this person that are still good."""
        return [each for each in self._ask("GET", f"{self.base}/tokens") if not each.get("revoked_at")]

    def _judged(self, submission: dict[str, Any]) -> dict[str, Any]:
        def judged() -> dict[str, Any]:
            told = self._ask("GET", f"{self.base}/submissions/{submission['id']}")
            return {} if told["state"] in {"QUEUED", "RUNNING"} else told

        return until(judged, within_s=120)

    def _ask(self, method: str, url: str, **given: Any) -> Any:
        answer = _asked(method, url, headers=self.headers, **given)
        return answer.json() if answer.content else None


def penguins(sure: float, n_wrong: int = 0) -> str:
    """Predictions for the penguins: each with this probability of what it is, some of what it is not."""
    truth = pd.read_csv(ROOT / "data/penguins/private/truth.csv")
    wrong = truth.index.isin(truth.sample(n_wrong, random_state=0).index)
    is_male = (truth["sex"] == "male") ^ wrong
    male = is_male.map({True: sure, False: 1 - sure})
    return truth[["penguin_id"]].assign(sex=male).to_csv(index=False)


# All of it


@dataclass
class Room:
    """A service, a JupyterLab that knows it, and a browser: where all tests of a module take place."""

    service: Service
    competition: str
    lab: Lab
    browser: Browser

    @property
    def url(self) -> str:
        """The competition's address."""
        return f"{self.service.url}/{self.competition}"

    def person(self, name: str, competition: str = "") -> Person:
        """Somebody new, or the organizer."""
        return Person(self.service.url, competition or self.competition, name)

    @contextlib.contextmanager
    def opened(
        self, name: str, notebook: str, *, in_notebook_7: bool = False
    ) -> Iterator[tuple[Visit, Notebook]]:
        """Open a notebook in JupyterLab, or in Notebook 7."""
        address = self.lab.address(notebook)
        if in_notebook_7:
            address = f"{self.lab.url}/notebooks/{notebook}?token={self.lab.token}"
        with visiting(self.browser, address, name) as visit:
            yield visit, Notebook(visit)


@contextlib.contextmanager
def furnished(directories: Sequence[Path], folder: Path, *, is_dark: bool = False) -> Iterator[Room]:
    """A room for competitions in folders named as they are, of which the first is the room's."""
    competition = directories[0].name
    with (
        serving(directories, folder / "data") as service,
        running_lab(folder / "lab", f"{service.url}/{competition}", is_dark=is_dark) as lab,
        chromium() as browser,
    ):
        yield Room(service, competition, lab, browser)


# What must never run in anyone's page

EVIL = "<img src=x onerror=\"window.planted=1;alert('planted')\"><script>window.planted=2</script>"
EVIL_FILENAME = "<img src=x onerror=window.planted=8>.csv"
EVIL_LINKS = """\
[press](javascript:window.planted=3) <a href="javascript:window.planted=4">this</a>
![picture](javascript:window.planted=5) <javascript:window.planted=6> [ref]

[ref]: javascript:window.planted=7
"""


def write_evil(directory: Path) -> Path:
    """The competition of four rows, with markup wherever an organizer writes text."""
    text = json.dumps(EVIL)
    top = f'rules = "rules.md"\nsummary = {text}'
    far = "2099-01-01T00:00:00Z"
    four.write(directory, top=top, question=f"title = {text}", phase="", closes_at=far)
    toml = (directory / "competition.toml").read_text()
    toml = toml.replace('"Four"', json.dumps(f"Four {EVIL}")).replace('"four"', '"evil"')
    (directory / "competition.toml").write_text(toml)
    (directory / "rules.md").write_text(f"# Rules {EVIL}\n\n{EVIL}\n\n{EVIL_LINKS}")
    return directory
