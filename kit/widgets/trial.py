"""A dry run's card: its folds while they run, and what they led to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.client.folds import progress_text
from kit.widgets._widget import Json, remembered
from kit.widgets.folds import fold_table, progress
from kit.widgets.fragment import Fragment, Node, chip, el, message
from kit.widgets.traceback import traceback

if TYPE_CHECKING:
    from kit.client.trial import Trial

_TONES = {"RUNNING": "info", "DONE": "good", "FAILED": "bad"}


class TrialCard(Fragment):
    """A card that shows a dry run as it stands; `refresh` shows it anew."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        super().__init__(announces=True)
        self.refresh()

    def refresh(self) -> None:
        """Show how it stands; safe from any thread."""
        facts = self._trial.facts
        shown = [part for part in _nodes(facts, self._trial.traceback) if part]
        tone = "quiet" if facts["verdict"] == "cancelled" else _TONES[facts["state"]]
        self.change(
            nodes=shown, classes=["kit-card", "kit-run", f"kit-tone-{tone}"], data={"state": facts["state"]}
        )


def trial_card(trial: Trial) -> TrialCard:
    """The card of a dry run."""
    return remembered(trial, "card", lambda: TrialCard(trial))  # type: ignore[no-any-return]


def _nodes(facts: Json, failed_at: str) -> list[Node]:
    state, code = facts["state"], facts["code"]
    head = el("div", el("h3", "Dry run"), _chip(facts), name="kit-row")
    told: list[Node] = []
    if state == "RUNNING":
        told.append(progress(code))
    elif facts["reasons"] and facts["verdict"] != "cancelled":
        told.append(message("This is yours to mend:", "bad", list(facts["reasons"])))
    elif not facts["verdict"]:
        told.append(el("p", _ENDED, name="kit-muted"))
    about = el("p", f"{facts['question']} · {facts['filename']}", name="kit-muted kit-small")
    shown = traceback(failed_at) if state == "FAILED" else None
    return [head, *told, fold_table(code, facts["metric"], is_final=state != "RUNNING"), shown, about]


_ENDED = "Nothing was sent or used up. The test score is the service's to tell: submit to see it."


def _chip(facts: Json) -> Node:
    state, tone = facts["state"], _TONES[facts["state"]]
    if state == "RUNNING":
        told = progress_text(facts["code"])
        return chip(f"RUNNING · {told}" if told else "RUNNING", tone, busy=True)
    if facts["verdict"] == "cancelled":
        return chip("STOPPED", "quiet")
    return chip(f"FAILED · {facts['verdict']}" if facts["verdict"] else state, tone)
