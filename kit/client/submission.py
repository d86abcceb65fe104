"""Submission: a handle of one submission, which knows how it stands. Changes nothing."""

from __future__ import annotations

import operator
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.client.code import Listing
from kit.client.display import widget_bundle
from kit.client.http import ONE_RETRY, Json
from kit.client.progress import waiting
from kit.client.standing import describe, rejudged_text
from kit.client.watching import Callback, OnError, Watch
from kit.errors import InvalidRequest, ServiceError

if TYPE_CHECKING:
    import pandas as pd

    from kit.client.service import Client

FINAL = frozenset({"SCORED", "REJECTED", "ERROR"})
_WAIT_S = 5.0
_SILENCE_S = 60.0
_PAUSE_S = 1.0


class Submission:
    """One submission, as it stood when last asked: `refresh` and `wait` ask again.

    Parameters
    ----------
    facts : dict
        What the service tells of it; kept as ``facts``.
    """

    def __init__(self, client: Client, facts: Json) -> None:
        self.client = client
        self.facts: dict[str, Any] = facts
        self._etag: str | None = None
        self._traceback: str | None = None

    @property
    def id(self) -> int:
        """Its number, for `CompetitionClient.select` and for talking about it."""
        return int(self.facts["id"])

    @property
    def path(self) -> str:
        """Its address, for `Client.watch`."""
        return f"/submissions/{self.id}"

    @property
    def question(self) -> str:
        """Id of the question it answers."""
        return str(self.facts["question"])

    @property
    def state(self) -> str:
        """QUEUED, RUNNING, SCORED, REJECTED (yours to mend) or ERROR (ours, and free of charge)."""
        return str(self.facts["state"])

    @property
    def is_final(self) -> bool:
        """Whether it is judged."""
        return self.state in FINAL

    @property
    def score(self) -> float | None:
        """The public score by the question's metric, once SCORED."""
        public = self.scores.get("public", {}).get(self.facts["metric"])
        return None if public is None else float(public["score"])

    @property
    def scores(self) -> dict[str, dict[str, dict[str, Any]]]:
        """All scores: split, then metric, then ``score``, ``low``, ``high``, ``level``, ``n_rows``."""
        found = self.facts.get("score") or {}
        return {split: metrics for split, metrics in found.items() if metrics}

    @property
    def verdict(self) -> str | None:
        """Why it was REJECTED, in a word."""
        return self.facts.get("verdict")

    @property
    def reasons(self) -> list[str]:
        """Why it was REJECTED, everything at once."""
        return list(self.facts.get("reasons") or [])

    @property
    def place_in_queue(self) -> int | None:
        """1 is next; None when it is no longer QUEUED."""
        return self.facts.get("place_in_queue")

    @property
    def kind(self) -> str:
        """What was sent: predictions, code or notebook."""
        return str(self.facts.get("kind") or "predictions")

    @property
    def code(self) -> dict[str, Any]:
        """What is told of its runs: ``n_folds``, ``n_done``, ``folds``, ``mean``, ``bagged``, times, …

        Empty for predictions. The code itself is `CompetitionClient.code`.
        """
        return dict(self.facts.get("code") or {})

    @property
    def folds(self) -> list[dict[str, Any]]:
        """What is told of each fold; scores are objects from metric to value. See `runs` for a table."""
        return list(self.code.get("folds") or [])

    def runs(self) -> pd.DataFrame:
        """The folds as a table: scores by the question's metric, seconds (wall and CPU), peak memory."""
        from kit.client.folds import frame

        return frame(self.code, self.facts["metric"])

    @property
    def traceback(self) -> str:
        """Where your code failed and the end of what it printed; empty where there is nothing to tell.

        It is told also where scores are hidden.
        """
        if not self.code.get("has_traceback"):
            return ""
        if self._traceback is None or not self.is_final:
            answer = self.client.request("GET", f"{self.path}/traceback", retries=ONE_RETRY)
            self._traceback = answer.text
        return Listing(self._traceback)

    def cancel(self) -> Submission:
        """Stop it: what waits is taken back and not counted, what runs is ended.

        Raises
        ------
        InvalidRequest
            Where it is judged already.
        """
        self.facts, self._etag = self.client.post(f"{self.path}/cancel"), None
        return self

    def refresh(self) -> Submission:
        """Ask how it stands."""
        return self._ask(0.0)

    def wait(self, timeout_s: float | None = None) -> Submission:
        """Wait until it is judged, also while the service is restarted.

        Raises
        ------
        TimeoutError
            When it is not judged in time; it will be all the same.
        ServiceError
            When the service has not answered for a minute.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        answered_at = time.monotonic()
        with waiting(self.line()) as change:
            while not self.is_final:
                left_s = _WAIT_S if deadline is None else deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(f"{self.line()} after {timeout_s:g} s. It goes on without you.")
                try:
                    self._ask(min(_WAIT_S, left_s))
                except ServiceError as error:
                    if time.monotonic() - answered_at > _SILENCE_S:
                        raise
                    change(f"{self.line()}; {error.what[:1].lower()}{error.what[1:]}, trying again")
                    time.sleep(_PAUSE_S)
                else:
                    answered_at = time.monotonic()
                    change(self.line())
        return self

    def file(self, directory: Path | str | None = None) -> Path:
        """Download what was sent, as it was received.

        Parameters
        ----------
        directory : path, optional
            Where to put it; by default the current one. A file that is there is not overwritten.
        """
        return self._download("file", "", directory)

    def notebook(self, directory: Path | str | None = None) -> Path:
        """Download your notebook as it ran in the sandbox, with its outputs; see `file`."""
        return self._download("notebook", "executed-", directory)

    def watch(self, callback: Callback, *, on_error: OnError | None = None) -> Watch:
        """Call back with the facts now and whenever they change; see `Client.watch`."""
        return self.client.watch(self.path, callback, on_error=on_error)

    def line(self) -> str:
        """How it stands, in one line."""
        return describe(self.facts)

    def __repr__(self) -> str:
        again = rejudged_text(self.facts)
        notes = [*self.reasons, *([f"rejudged {again}"] if again else [])]
        return "\n".join([self.line(), *(f"  - {note}" for note in notes)])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return widget_bundle("card", self, anew=lambda facts: Submission(self.client, facts))

    def _download(self, what: str, prefix: str, directory: Path | str | None) -> Path:
        name = Path(str(self.facts["filename"])).name or "predictions"
        target = Path(directory or ".") / f"submission-{self.id}-{prefix}{name}"
        with self.client.stream(f"{self.path}/{what}") as response, target.open("xb") as out:
            for piece in response.iter_bytes():
                out.write(piece)
        return target

    def _ask(self, wait_s: float) -> Submission:
        headers = {"Prefer": f"wait={round(wait_s)}"} if wait_s >= 1 else {}
        if self._etag and headers:
            headers["If-None-Match"] = self._etag
        started = time.monotonic()
        response = self.client.request(
            "GET", self.path, headers=headers, timeout_s=wait_s + 30, retries=ONE_RETRY
        )
        if response.status_code != 304:
            self.facts, self._etag = response.json(), response.headers.get("ETag")
        if not self.is_final and wait_s:
            # Where the service does not hold the request, ask no more often than this.
            time.sleep(max(0.0, min(0.2, wait_s) - (time.monotonic() - started)))
        return self


def number_of(submission: Submission | int) -> int:
    """A submission's id.

    Raises
    ------
    InvalidRequest
        It is neither a submission nor a number.
    """
    if isinstance(submission, Submission):
        return submission.id
    try:
        return operator.index(submission)
    except TypeError:
        raise InvalidRequest(f"{submission!r} is no submission: pass one, or its id.") from None
