"""How the service fares, for organizers: key numbers, participants, queue and workers, baselines."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kit.widgets._widget import Json, box
from kit.widgets.card import TONES
from kit.widgets.fragment import Fragment, Node, el, message, time
from kit.widgets.table import LiveTable, column

_PEOPLE = ("teams", "participants")
_SUBMISSIONS = ("submissions", "scored", "rejected", "errors")
NUMBERS = (*_PEOPLE, *_SUBMISSIONS, "waiting", "running", "workers")


class KeyNumbers(Fragment):
    """The few numbers that tell whether all is well."""

    def __init__(self) -> None:
        super().__init__(classes=["kit-numbers"])
        self._numbers: dict[str, int] = {}

    def show_submissions(self, found: Json) -> None:
        """Count submissions by state."""
        own = [each for each in found if not each.get("baseline")]
        n_of = Counter(each["state"] for each in own)
        self._tell(
            submissions=len(own), scored=n_of["SCORED"], rejected=n_of["REJECTED"], errors=n_of["ERROR"]
        )

    def show_people(self, people: Json) -> None:
        """Count participants and teams."""
        those = [each for each in people if each.get("role") != "organizer"]
        self._tell(participants=len(those), teams=len({each["team"] for each in those if each.get("team")}))

    def show_queue(self, queue: Json) -> None:
        """Count what waits and who works."""
        self._tell(waiting=len(queue["queued"]), running=len(queue["running"]), workers=len(queue["workers"]))

    def _tell(self, **numbers: int) -> None:
        with self.lock:
            self._numbers |= numbers
            tiles = [_tile(name, self._numbers[name]) for name in NUMBERS if name in self._numbers]
            self.change(nodes=[el("div", *tiles, name="kit-tiles")])


def _tile(name: str, number: int) -> dict[str, Any]:
    is_bad = number == 0 if name == "workers" else name == "errors" and number > 0
    look = "kit-tile kit-tone-bad" if is_bad else "kit-tile"
    return el("div", el("b", f"{number:,}"), el("span", name.capitalize()), name=look, data_number=name)


def participants_table() -> LiveTable:
    """Everyone with an account."""
    return LiveTable(
        [
            column("name", "Name", name=True),
            column("team", "Team"),
            column("role", "Role", hide="wide"),
            column("email", "E-mail", hide="wide"),
            column("n_submissions", "Submissions", "number", digits=0),
            column("last_seen_at", "Last seen", "time"),
            column("created_at", "Joined", "time", hide="narrow"),
        ],
        label="participants",
        empty="Nobody has signed up yet.",
        classes=["kit-participants"],
        status="waiting",
    )


def baselines_table(*, several: bool) -> LiveTable:
    """The reference notebooks and how their last run went."""
    return LiveTable(
        [
            column("name", "Notebook", name=True),
            *([column("question", "Question")] if several else []),
            column("state", "State", "badge", tones={"ok": "good", "failed": "bad"}),
            column("cell", "Failing cell", "number", digits=0),
            column("error", "Error", "note"),
            column("seconds", "Took", "number", digits=1, unit=" s", hide="narrow"),
            column("ran_at", "Ran", "time", hide="narrow"),
        ],
        row_key="_key",
        label="baselines",
        empty="No baselines have run: kit baseline DIR",
        classes=["kit-baselines"],
        status="waiting",
        flash=["state", "ran_at"],
    )


def show_baselines(table: LiveTable, found: Json) -> None:
    """Show the baselines as the service tells them."""
    table.show(
        {
            **each,
            "_key": f"{each.get('question')}/{each['name']}",
            "_tone": "bad" if each["state"] == "failed" else "",
        }
        for each in found
    )


class QueueView:
    """What waits, what runs, who works, and what went wrong on our side."""

    def __init__(self) -> None:
        self.table = LiveTable(
            [
                column("submission", "No.", "number", digits=0),
                column("team", "Team", name=True),
                column("question", "Question", hide="narrow"),
                column("kind", "Kind", hide="narrow"),
                column("state", "State", "badge", tones=TONES, busy=["QUEUED", "RUNNING"]),
                column("place", "Place", "number", digits=0),
                column("folds", "Folds", hide="narrow"),
                column("queued_at", "Since", "time"),
            ],
            row_key="submission",
            title="Queue",
            label="queue",
            empty="Nothing waits.",
            classes=["kit-queue"],
            status="waiting",
        )
        self.errors = LiveTable(
            [
                column("submission", "No.", "number", digits=0),
                column("team", "Team", name=True),
                column("incident", "Incident"),
                column("finished_at", "When", "time"),
            ],
            row_key="submission",
            title="Our errors",
            label="errors",
            empty="No errors.",
            classes=["kit-errors"],
            status="waiting",
        )
        self.workers = Fragment(classes=["kit-workers"])
        self.box = box(self.workers, box(self.table, self.errors, name="kit-side"))

    def show(self, queue: Json) -> None:
        """Show the queue as the service tells it."""
        running = [{**each, "state": "RUNNING", "folds": _folds(each)} for each in queue["running"]]
        self.table.show([*running, *({**each, "state": "QUEUED"} for each in queue["queued"])])
        self.errors.show({"submission": each.get("id"), **each, "_tone": "bad"} for each in queue["errors"])
        workers = [_worker(each) for each in queue["workers"]]
        none = message("No worker is running, so nothing is judged. kit serve starts them.", "bad")
        told = [*_trouble(queue.get("trouble")), *_isolation(queue["isolation"])]
        self.workers.change(nodes=[el("dl", *workers, name="kit-facts") if workers else none, *told])


def _folds(line: Json) -> str:
    """How far code is; empty for predictions."""
    return f"{line['n_done']} of {line['n_folds']}" if line.get("n_folds") else ""


def _trouble(trouble: Json) -> list[Node]:
    """What keeps the service from taking submissions, and what to do."""
    if not trouble:
        return []
    incident = f" Incident {trouble['incident']}." if trouble["incident"] else ""
    text = {
        "disk full": "The service's disk is full: nothing new is taken. Make room; it goes on by itself.",
        "database busy": "Another program holds the service's database: nothing new is taken. End it.",
    }[trouble["what"]]
    return [message(text + incident, "bad")]


def _isolation(isolation: Json) -> list[Node]:
    """What participants' code runs in; nothing where no question takes code."""
    level = isolation["level"]
    if level == "not in use":
        return []
    lacking = f" Not at hand: {', '.join(isolation['missing'])}." if isolation["missing"] else ""
    text = f"Participants' code runs at the level '{level}'.{lacking}"
    title = ", ".join(isolation["features"])
    fine = el("p", text, name="kit-muted kit-small", title=title, data_isolation=level)
    refused = [message(line, "bad") for line in isolation["refused"]]
    if level == "isolated":
        return [fine, *refused]
    return [message(text, "warn"), *refused]


def _worker(worker: Json) -> dict[str, Any]:
    seen = el("dd", f"process {worker['pid']}, seen ", time(worker["seen_at"]))
    return el("div", el("dt", f"Worker {worker['id']}"), seen)
