"""A submission's live card: where it stands, why, and what it scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.client.standing import rejudged_text
from kit.errors import KitError
from kit.widgets._widget import Json
from kit.widgets.fragment import Fragment, Node, chip, el, message, time

if TYPE_CHECKING:
    from kit.client import Submission

TONES = {"QUEUED": "quiet", "RUNNING": "info", "SCORED": "good", "REJECTED": "bad", "ERROR": "warn"}
FINAL = frozenset({"SCORED", "REJECTED", "ERROR"})


class SubmissionCard(Fragment):
    """A card that shows the facts of a submission, and follows them until they are final."""

    def __init__(self, facts: Json) -> None:
        super().__init__(announces=True)
        self.show(facts)

    def show(self, facts: Json) -> bool:
        """Show how the submission stands; whether to go on watching."""
        state = facts["state"]
        self.change(
            nodes=nodes(facts),
            classes=["kit-card", f"kit-tone-{TONES.get(state, 'quiet')}"],
            data={"state": state, "submission": str(facts["id"])},
        )
        return state not in FINAL

    def lost(self, error: KitError) -> None:  # noqa: ARG002
        """Say that the service does not answer."""
        told = el("p", "The service does not answer; trying again.", name="kit-muted kit-small", data_lost="")
        kept = [node for node in self.nodes if "data-lost" not in (node or {}).get("attributes", {})]
        self.change(nodes=[*kept, told])


def card(submission: Submission) -> SubmissionCard:
    """The live card of a submission."""
    made = SubmissionCard(submission.facts)
    if submission.facts["state"] not in FINAL:
        made.keep(submission.watch(made.show, on_error=made.lost))
    return made


def nodes(facts: Json) -> list[Node]:
    """What the card of a submission says."""
    head = el(
        "div",
        el("div", el("h3", f"Submission {facts['id']}"), state_chip(facts), name="kit-row"),
        time(facts["submitted_at"], "kit-muted kit-small"),
        name="kit-spread",
    )
    left = facts.get("left_today")
    told = [facts["question"], facts.get("filename"), None if left is None else f"{left} left today"]
    about = el("p", " · ".join(str(part) for part in told if part), name="kit-muted kit-small")
    note = el("p", f"“{facts['note']}”", name="kit-quote") if facts.get("note") else None
    again = rejudged_text(facts)
    told_again = el("p", f"Rejudged {again}", name="kit-small", data_rejudged="") if again else None
    return [part for part in (head, *_outcome(facts), told_again, note, about) if part]


def state_chip(facts: Json) -> dict[str, Any]:
    """The state in a word or two."""
    state, tone = facts["state"], TONES.get(facts["state"], "quiet")
    if state == "QUEUED" and facts.get("place_in_queue"):
        return chip(f"QUEUED · place {facts['place_in_queue']}", tone, busy=True)
    if state == "REJECTED" and facts.get("verdict"):
        return chip(f"REJECTED · {facts['verdict']}", tone)
    return chip(state, tone, busy=state in {"QUEUED", "RUNNING"})


def _outcome(facts: Json) -> list[Node]:
    match facts["state"]:
        case "QUEUED":
            return [el("p", "Waiting to be judged. This card changes by itself.", name="kit-muted")]
        case "RUNNING":
            return [el("p", "Being judged now.", name="kit-muted")]
        case "SCORED":
            return _scores(facts)
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
