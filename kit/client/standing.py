"""How a submission stands, in words."""

from __future__ import annotations

from kit.client.folds import progress_text
from kit.client.http import Json


def describe(facts: Json) -> str:
    """A submission's state and score, or why there is none, in one line."""
    head = f"Submission {facts['id']} for {facts['question']!r}: {facts['state']}"
    match facts["state"]:
        case "QUEUED" if facts.get("place_in_queue"):
            return f"{head}, place {facts['place_in_queue']} in the queue"
        case "RUNNING" if progress := progress_text(facts.get("code")):
            return f"{head}, {progress}"
        case "SCORED":
            return f"{head}, {_score_text(facts)}"
        case "REJECTED":
            return f"{head}, {facts.get('verdict')}"
        case "ERROR":
            incident = facts.get("incident")
            return f"{head}, our mistake and not counted" + (f" (incident {incident})" if incident else "")
    return head


def rejudged_text(facts: Json) -> str:
    """When and why a submission was judged again, and its score before; empty where it was not."""
    again = facts.get("rejudged")
    if not again:
        return ""
    before = ((again["before"] or {}).get("public") or {}).get(facts["metric"])
    reason = f": {again['reason']}" if again["reason"] else ""
    score = f"; before it was {before['score']:.6g}" if before else ""
    return f"on {again['at'][:16].replace('T', ' ')} UTC{reason}{score}"


def earlier_text(facts: Json, way: str = "again=True; in a terminal and after %%submit, --again") -> str:
    """That the same was sent before, and the way to send it once more."""
    return (
        f"Your team sent the same before: it is submission {facts['id']} ({facts['state']}), and nothing was "
        f"used up. To send it once more: {way}"
    )


def _score_text(facts: Json) -> str:
    found = ((facts.get("score") or {}).get("public") or {}).get(facts["metric"])
    if found is None:
        return "score not shown"
    interval = ""
    if found.get("low") is not None and found.get("high") is not None:
        interval = f" ({found['level']:.0%} interval {found['low']:.5g} to {found['high']:.5g})"
    told = f"{facts['metric']} {found['score']:.6g}{interval}"
    if facts.get("moved") is None:
        return f"public {told}"
    if facts["moved"]:
        return f"a clear improvement: your public {told}"
    return f"not a clear improvement: your score stays public {told}"
