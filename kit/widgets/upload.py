"""UploadBox: a file of predictions or code from the browser, checked at once, submitted when it fits."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from kit.client.http import PATIENT, Retries
from kit.client.outgoing import upload
from kit.client.sources import kind_of
from kit.client.standing import earlier_text
from kit.errors import InvalidPredictions, InvalidRequest, KitError
from kit.widgets._widget import Json, KitWidget, css, esm, quiet
from kit.widgets.kinds import forms, suffixes, words

if TYPE_CHECKING:
    from kit.client import CompetitionClient

MAX_BYTES = 8_000_000
"""Jupyter's connection to the browser carries some 10 MB in one message."""

STATES = ["empty", "too large", "sending", "checking", "ready", "refused", "submitting", "done", "failed"]


class UploadBox(KitWidget):
    """Takes a file by drag and drop or by choosing, and hands it on.

    Parameters
    ----------
    check : callable
        Takes the file and the question's id; gives what to say.
    submit : callable
        Takes the note as well, and whether to send the file though it was sent before. Gives what to say, and
        whether it was.
    questions : list of dict
        ``id`` and ``title``, and what may be dropped: ``suffixes``, ``words``, ``forms``. The choice is shown
        where there are several.
    max_bytes : int
        A larger file is not sent at all: the box says how to submit it instead.
    """

    _esm = esm("upload")
    _css = css("upload")

    questions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    max_bytes = traitlets.Int(MAX_BYTES).tag(sync=True)
    call = traitlets.Unicode("comp.submit").tag(sync=True)
    filename = traitlets.Unicode().tag(sync=True)
    size_bytes = traitlets.Int(0).tag(sync=True)
    state = traitlets.Enum(STATES, "empty").tag(sync=True)
    problems = traitlets.List(traitlets.Unicode()).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    left = traitlets.Unicode().tag(sync=True)
    allowed = traitlets.Bool(True).tag(sync=True)
    progress = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self,
        check: Callable[[Path, str], str],
        submit: Callable[[Path, str, str, bool], tuple[str, bool]],
        *,
        questions: list[dict[str, Any]],
        **traits: Any,
    ) -> None:
        self._check = check
        self._submit = submit
        self._folder = tempfile.TemporaryDirectory(prefix="kit-upload-")
        self._file: Path | None = None
        self._again = False
        super().__init__(questions=questions, question=questions[0]["id"], **traits)
        self.on_msg(self._heard)

    def close(self) -> None:
        """Remove the widget and the file it holds."""
        if "_folder" in self.__dict__:
            self._folder.cleanup()
        super().close()

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:
        question = str(content.get("question") or self.question)
        match content.get("action"):
            case "file" if buffers:
                self._take(str(content["filename"]), bytes(buffers[0]))
                self._run("checking", partial(self._look, question))
            case "question" if self._file:
                self._again = False
                self._run("checking", partial(self._look, question))
            case "submit" if self._file and self.state in {"ready", "failed"}:
                self._run("submitting", partial(self._hand_on, question, str(content.get("note") or "")))

    def _take(self, filename: str, content: bytes) -> None:
        # The browser names the file: only its last part may say where it goes.
        name = filename.replace("\\", "/").rpartition("/")[2].replace("\0", "") or "predictions.csv"
        self._file = Path(self._folder.name) / name[-120:]
        self._file.write_bytes(content)
        self._again = False
        self.change(filename=filename, size_bytes=len(content))

    def _run(self, state: str, work: Callable[[], None]) -> None:
        self.change(state=state, message="", problems=[], progress=0.0)
        quiet(work, self._refuse)

    def _look(self, question: str) -> None:
        assert self._file is not None
        self.change(state="ready", message=self._check(self._file, question))

    def _hand_on(self, question: str, note: str) -> None:
        assert self._file is not None
        told, was_sent_before = self._submit(self._file, question, note, self._again)
        if was_sent_before:
            self._again = True
            self.change(state="ready", message=told)
            return
        self._file.unlink()
        self._file = None
        self.change(state="done", message=told, filename="", size_bytes=0)

    def _refuse(self, error: KitError) -> None:
        if isinstance(error, InvalidPredictions):
            text = "These predictions do not fit; nothing was used up. Mend this and drop the file again:"
            self.change(state="refused", message=text, problems=list(error.problems))
        else:
            state = "refused" if isinstance(error, InvalidRequest) else "failed"
            self.change(state=state, message=str(error))


def upload_box(comp: CompetitionClient, submitted: Callable[[Json], object]) -> UploadBox:
    """The submit form of a competition; ``submitted`` is given the facts of each submission."""
    overview = comp.overview

    def submit(file: Path, question: str, note: str, again: bool) -> tuple[str, bool]:
        path = f"{comp.path}/questions/{question}/submissions"
        advance = partial(_advance, made, file.stat().st_size)
        retries = Retries(PATIENT.times, lambda told: made.change(message=told))
        facts = upload(comp.client, path, file, note=note, again=again, progress=advance, retries=retries)
        submitted(facts)
        # It was taken, whether or not that can be told now.
        with contextlib.suppress(KitError):
            _tell_left(comp, made)
        if facts.get("earlier"):
            return earlier_text(facts, "press Submit again."), True
        return f"Submission {facts['id']} was taken: its card is below.", False

    def check(file: Path, question: str) -> str:
        comp.check(file, question)
        if kind_of(file) == "predictions":
            return "All rows fit. Nothing has been used up yet."
        return "It can be sent. Whether it runs is seen when it is judged; nothing has been used up yet."

    made = UploadBox(
        check,
        submit,
        questions=[_asked(each) for each in overview["questions"]],
        max_bytes=min(MAX_BYTES, *(each["max_bytes"] for each in overview["questions"])),
    )
    quiet(partial(_tell_left, comp, made), lambda error: made.change(left=str(error)))
    return made


def _asked(question: Json) -> dict[str, Any]:
    told = {"suffixes": suffixes(question), "words": words(question), "forms": forms(question)}
    return {"id": question["id"], "title": question["title"], **told}


def _advance(shown: UploadBox, n_bytes: int, n_new: int) -> None:
    shown.progress = min(1.0, shown.progress + n_new / max(1, n_bytes))


def _tell_left(comp: CompetitionClient, shown: UploadBox) -> None:
    limits = comp.client.get(f"{comp.path}/limits")
    several = len(limits) > 1
    told = [_left(each, several) for each in limits if each.get("left_today") is not None]
    shown.change(left=" · ".join(told))


def _left(limit: Json, several: bool) -> str:
    where = f"{limit['question']}: " if several else ""
    return f"{where}{limit['left_today']} of {limit['daily_limit']} left today"
