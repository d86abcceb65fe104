"""A submission's live card: where it stands, why, and what it scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kit.client import credits
from kit.client.credits import Credits
from kit.client.folds import progress_text
from kit.client.standing import rejudged_text
from kit.errors import KitError, ServiceError
from kit.widgets._widget import Json, quiet
from kit.widgets.folds import fold_table, memory, progress, seconds
from kit.widgets.fragment import Fragment, Node, button, chip, el, message, time
from kit.widgets.traceback import traceback

if TYPE_CHECKING:
    from kit.client import Submission

TONES = {"QUEUED": "quiet", "RUNNING": "info", "SCORED": "good", "REJECTED": "bad", "ERROR": "warn"}
FINAL = frozenset({"SCORED", "REJECTED", "ERROR"})


class SubmissionCard(Fragment):
    """A card that shows the facts of a submission, and follows them until they are final.

    Parameters
    ----------
    submission : Submission, optional
        Whose traceback is shown, and what the button cancels; without it the card only tells.
    """

    def __init__(self, facts: Json, submission: Submission | None = None) -> None:
        self._submission = submission
        self._facts: Json = facts
        self._traceback = ""
        self._told: Node = None
        self._credits: Credits | None = None
        super().__init__(announces=True, on=self._actions())
        self.show(facts)

    def show(self, facts: Json) -> bool:
        """Show how the submission stands; whether to go on watching."""
        state = facts["state"]
        with self.lock:
            # An answer of before the end may arrive after it.
            if self._facts["state"] in FINAL and state not in FINAL:
                return False
            self._facts = facts
            if state in FINAL:
                self._told = None
            self._draw()
        if state in FINAL:
            for act in self.after:
                act(facts)
        failed = state == "REJECTED" and (facts.get("code") or {}).get("has_traceback")
        if self._submission is not None and failed:
            self._submission.facts = facts
            quiet(self._look_at_traceback, self._failed)
        if self._submission is not None and state == "SCORED" and _owes_nothing(facts):
            quiet(self._look_at_credits, self._failed)
        return state not in FINAL

    def lost(self, error: KitError) -> None:
        """Say that the service, or what it leans on, does not answer; or why it refuses."""
        what = f"{error.what}; trying again." if isinstance(error, ServiceError) else str(error)
        told = el("p", what, name="kit-muted kit-small", data_lost="")
        kept = [node for node in self.nodes if "data-lost" not in (node or {}).get("attributes", {})]
        self.change(nodes=[*kept, told])

    def _draw(self, *, is_cancelling: bool = False) -> None:
        facts, state = self._facts, self._facts["state"]
        shown = [*nodes(facts, self._traceback), *([suggestion(self._credits)] if self._credits else [])]
        if self._submission is not None and is_run(facts) and state not in FINAL:
            text = "Cancelling…" if is_cancelling else "Cancel"
            shown.append(
                el("div", button(text, "cancel", disabled=is_cancelling), self._told, name="kit-row")
            )
        if self._submission is not None and (facts.get("code") or {}).get("has_notebook"):
            shown.append(el("div", button("Save the notebook as it ran", "save"), self._told, name="kit-row"))
        self.change(
            nodes=shown,
            classes=[
                "kit-card",
                f"kit-tone-{tone_of(facts)}",
                *(["kit-run"] if is_run(facts) else []),
            ],
            data={"state": state, "submission": str(facts["id"])},
        )

    def _actions(self) -> dict[str, Callable[[], object]]:
        return {"cancel": self._cancel, "credit": self._credit, "save": self._save}

    def _cancel(self) -> None:
        submission = self._submission
        if submission is None:
            return
        with self.lock:
            self._told = None
            self._draw(is_cancelling=True)
        quiet(lambda: self.show(submission.cancel().facts), self._failed)

    def _save(self) -> None:
        submission = self._submission
        if submission is None:
            return

        def save() -> None:
            try:
                told = f"Saved as {submission.notebook()}."
            except FileExistsError as error:
                told = f"{error.filename} is there already."
            except OSError as error:
                told = f"It cannot be saved here: {error.strerror}."
            with self.lock:
                self._told = el("span", told, name="kit-muted kit-small")
                self._draw()

        quiet(save, self._failed)

    def _failed(self, error: KitError) -> None:
        with self.lock:
            self._told = message(str(error), "bad")
            self._draw()

    def _look_at_traceback(self) -> None:
        assert self._submission is not None
        found = str(self._submission.traceback)
        with self.lock:
            self._traceback = found
            self._draw()

    def _look_at_credits(self) -> None:
        assert self._submission is not None
        found = credits.look(self._submission.client, self._submission)
        with self.lock:
            self._credits = found if found.suggested else None
            self._draw()

    def _credit(self) -> None:
        submission = self._submission
        if submission is None:
            return

        def give() -> None:
            given = credits.give(submission.client, submission)
            with self.lock:
                self._credits = given
                self._draw()

        quiet(give, self._failed)


def suggestion(found: Credits) -> Node:
    """That code resembles that of others, with a button that credits them; or what was credited."""
    if found.given:
        text = f"It owes {' and '.join(map(credits.told, found.facts['given']))}."
        return el("p", text, name="kit-muted kit-small", data_credits="given")
    told = " and ".join(map(credits.told, found.facts["suggested"]))
    text = f"It resembles code that was there before. Did you build on it? Suggested credit: {told}."
    return el("div", el("p", text), button("Give this credit", "credit"), data_credits="suggested")


def _owes_nothing(facts: Json) -> bool:
    """Whether it may owe something to others, and says nothing of it."""
    return (facts.get("code") or {}).get("built_on") == []


def card(submission: Submission) -> SubmissionCard:
    """The live card of a submission."""
    made = SubmissionCard(submission.facts, submission)
    if submission.facts["state"] not in FINAL:
        made.keep(submission.watch(made.show, on_error=made.lost))
    return made


def tone_of(facts: Json) -> str:
    """The colour of how a submission stands; what its team cancelled is no failure."""
    return "quiet" if facts.get("verdict") == "cancelled" else TONES.get(facts["state"], "quiet")


def is_run(facts: Json) -> bool:
    """Whether judging it runs what a participant wrote."""
    return facts.get("kind") in {"code", "notebook"}


def nodes(facts: Json, failed_at: str = "") -> list[Node]:
    """What the card of a submission says, with the traceback where there is one."""
    head = el(
        "div",
        el("div", el("h3", f"Submission {facts['id']}"), state_chip(facts), name="kit-row"),
        time(facts["submitted_at"], "kit-muted kit-small"),
        name="kit-spread",
    )
    left = facts.get("left_today")
    kind = facts.get("kind") if is_run(facts) else None
    told = [facts["question"], kind, facts.get("filename"), None if left is None else f"{left} left today"]
    about = el("p", " · ".join(str(part) for part in told if part), name="kit-muted kit-small")
    note = el("p", f"“{facts['note']}”", name="kit-quote") if facts.get("note") else None
    again = rejudged_text(facts)
    told_again = el("p", f"Rejudged {again}", name="kit-small", data_rejudged="") if again else None
    code = facts.get("code") or {}
    is_final = facts["state"] in FINAL
    runs = [None if is_final else progress(code), fold_table(code, facts["metric"], is_final=is_final)]
    more = [el("p", text, name="kit-muted kit-small") for text in _about_runs(facts)]
    shown = [head, *_outcome(facts), traceback(failed_at), *runs, *more, told_again, note, about]
    return [part for part in shown if part]


def state_chip(facts: Json) -> dict[str, Any]:
    """The state in a word or two."""
    state, tone = facts["state"], tone_of(facts)
    if state == "QUEUED" and facts.get("place_in_queue"):
        return chip(f"QUEUED · place {facts['place_in_queue']}", tone, busy=True)
    if state == "RUNNING" and (told := progress_text(facts.get("code"))):
        return chip(f"RUNNING · {told}", tone, busy=True)
    if state == "REJECTED" and facts.get("verdict"):
        return chip(f"REJECTED · {facts['verdict']}", tone)
    return chip(state, tone, busy=state in {"QUEUED", "RUNNING"})


def _outcome(facts: Json) -> list[Node]:
    match facts["state"]:
        case "QUEUED":
            return [el("p", "Waiting to be judged. This card changes by itself.", name="kit-muted")]
        case "RUNNING":
            what = "Your notebook is run now." if facts.get("kind") == "notebook" else "Being judged now."
            return [] if progress_text(facts.get("code")) else [el("p", what, name="kit-muted")]
        case "SCORED":
            return _scores(facts)
        case "REJECTED" if facts.get("verdict") == "cancelled":
            return [el("p", " ".join(map(str, facts.get("reasons") or [])), name="kit-muted")]
        case "REJECTED":
            return [message("This is yours to mend:", "bad", [str(r) for r in facts.get("reasons") or []])]
    incident = facts.get("incident")
    told = f" Incident {incident}: name it to the organizer." if incident else ""
    return [message(f"Our mistake, not yours: it is not counted.{told}", "warn")]


def _scores(facts: Json) -> list[Node]:
    metric = facts.get("metric")
    found = [
        (split, scores[metric])
        for split, scores in (facts.get("score") or {}).items()
        if scores and scores.get(metric)
    ]
    if not found:
        return [el("p", "Scored. The score stays hidden for now.", name="kit-muted")]
    shown = [_score(split, str(metric), score) for split, score in found]
    if facts.get("moved") is None:
        return shown
    return [el("p", ladder_text(facts), name="kit-muted", data_moved=str(facts["moved"]).lower()), *shown]


def _about_runs(facts: Json) -> list[str]:
    code = facts.get("code") or {}
    told = []
    if code.get("reproducible") is False:
        told.append("Not reproducible: running the first fold again gave other predictions.")
    if code.get("n_cells") and facts["state"] in FINAL:
        took = [seconds(code.get("fit_s")), memory(code.get("peak_bytes"))]
        about = ", ".join(part for part in took if part)
        done = f"{code.get('n_cells_done') or 0} of {code['n_cells']} cells ran"
        told.append(f"{done}{f' ({about})' if about else ''}.")
    return told


def ladder_text(facts: Json) -> str:
    """What the ladder made of a submission, in words."""
    public = ((facts.get("score") or {}).get("public") or {}).get(facts.get("metric"))
    score = "" if public is None else f" {public['score']:.5g}"
    if facts["moved"]:
        return f"A clear improvement: your score is{score} now."
    return f"Not a clear improvement: your score stays{score} (submission {facts['stands']})."


def _score(split: str, metric: str, score: Json) -> Node:
    low, high, level = score.get("low"), score.get("high"), score.get("level")
    interval = f"{level or 0.95:.0%} interval {low:.4g} to {high:.4g}" if low is not None else ""
    return el(
        "div",
        el("span", f"{score['score']:.5g}", name="kit-score", data_split=split, title=repr(score["score"])),
        el("span", f"{split} {metric}", name="kit-muted"),
        el("span", interval, name="kit-muted kit-small"),
        name="kit-row",
    )
