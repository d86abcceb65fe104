"""Leaderboards and lists of submissions, live; turns the service's JSON into rows and columns."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets

from kit.client.folds import progress_text
from kit.client.pages import left_out, shown_rows
from kit.errors import KitError
from kit.widgets._widget import Json, box, quiet, remembered
from kit.widgets.card import TONES
from kit.widgets.columns import lead, more_columns, more_values
from kit.widgets.fragment import Fragment, Node, button, el, message
from kit.widgets.kinds import takes_runs
from kit.widgets.table import LiveTable, column

if TYPE_CHECKING:
    from kit.client import CompetitionClient


AFTER_S = 300.0
"""So often a leaderboard tells those in its ``after``."""
LEAST_SHARE = 0.01
"""Smaller probabilities of being first are not shown."""
TIE_LEGEND = "Cannot be told apart from the first at 5 %."
_RANK_HELP = "Small: the plausible ranks. A dot: cannot be told apart from the first."
_FIRST_HELP = "How probably this team is truly first"


class LeaderboardTable(LiveTable):
    """A leaderboard in which the reader's own team is marked: ``team``, or that with ``reader`` in it."""

    def __init__(self, team: str | None = None, reader: str | None = None, **traits: Any) -> None:
        self._team, self._reader = team, reader
        self._told_at = time.monotonic()
        super().__init__(
            [column("rank", "Rank", "rank"), column("team", "Team", name=True)],
            row_key="_key",
            flash=["score", "submission"],
            empty="No scores yet: the first submission opens the leaderboard.",
            **{"classes": ["kit-leaderboard"], "status": "waiting", **traits},
        )

    def show_board(self, board: Json) -> None:
        """Show a leaderboard as the service tells it."""
        hidden = "The leaderboard is hidden in this phase. Scores are shown when it opens."
        columns = board_columns(board)
        changed: dict[str, Any] = {} if columns == self.columns else {"columns": columns}
        if board.get("hidden"):
            changed["empty"] = hidden
        elif board.get("mode") == "frozen":
            changed["empty"] = "The leaderboard is frozen, and was empty then. It opens at the end."
        rows = board_rows(board, self._team, self._reader)
        if (told := lead(board)) != self.lead:
            changed["lead"] = told
        if (note := left_out(board)) != self.note:
            changed["note"] = note
        if (legend := _legend(rows)) != self.legend:
            changed["legend"] = legend
        self.show(rows, updated_at=board.get("updated_at") or "", **changed)
        # Not at each change: whatever is kept makes the notebook one with unsaved changes.
        if time.monotonic() - self._told_at > AFTER_S:
            self._told_at = time.monotonic()
            for act in self.after:
                act(board)

    def lost_board(self, error: KitError) -> None:
        """Say why there is nothing to see, or that the service does not answer."""
        if not self.rows:
            self.change(empty=str(error))
        self.lost(error)


def leaderboard(
    comp: CompetitionClient,
    question: str | None = None,
    split: str = "public",
    per: str = "team",
    *,
    rests: bool = True,
    **traits: Any,
) -> LeaderboardTable:
    """The live leaderboard of a question; of all questions together where none is named.

    ``team`` is whose row is marked; by default the reader's own. ``per`` is what has a row: "team", or
    "submission". ``rests`` is False where it shall go on though nobody looks at the page for an hour.
    """
    key = (comp.client.token, question, split, per, rests, tuple(map(str, traits.values())))
    return remembered(comp, key, partial(_leaderboard, comp, question, split, per, rests, **traits))  # type: ignore[no-any-return]


def _leaderboard(
    comp: CompetitionClient, question: str | None, split: str, per: str, rests: bool, **traits: Any
) -> LeaderboardTable:
    overview = comp.overview
    me = overview["me"] or {}
    # A team is made with its first submission, when this table may be there already.
    own = {"team": me.get("team"), "reader": None if "team" in traits else me.get("name")}
    asked = next((each for each in overview["questions"] if each["id"] == question), None)
    named = asked["title"] if asked else overview["title"]
    label = f"{split} leaderboard, {named}"
    made = LeaderboardTable(**{**own, "title": named, "label": label, "data": {"split": split}} | traits)
    path = comp.leaderboard_path(split, question, per=per)
    if rests:
        made.follow(comp.client, path, made.show_board, on_error=made.lost_board)
    else:
        made.keep(comp.client.watch(path, made.show_board, on_error=made.lost_board))
    return made


def board_columns(board: Json) -> list[dict[str, Any]]:
    """The columns of a leaderboard."""
    rows = board["rows"]
    metric = board.get("metric")
    better = "greater is better" if board.get("greater_is_better", True) else "lower is better"
    help_ = f"{metric}, {better}" if metric else "0 is the baseline, 1 the best"
    made = [
        column("rank", "Rank", "rank", low="rank_low", high="rank_high", mark="_tie", help=_RANK_HELP),
        column("team", "Team", name=True, detail="_members"),
        column("score", metric or "Score", "interval", low="low", high="high", help=help_),
    ]
    if any((row.get("p_first") or 0.0) >= LEAST_SHARE for row in rows):
        made.append(column("p_first", "First", "share", least=LEAST_SHARE, hide="wide", help=_FIRST_HELP))
    hide = "narrow"
    if board.get("split") == "private":
        hide = "wide"
        text = "Places won (+) or lost (−) from the public to the private leaderboard"
        made.append(column("shake_up", "Shake-up", "number", digits=0, signed=True, help=text))
    more = sorted({name for row in rows for name in row.get("metrics") or {}} - {metric})
    made += [column(f"metrics.{name}", name, "number", hide="wide") for name in more]
    parts = list(dict.fromkeys(name for row in rows for name in row.get("parts") or {}))
    made += [column(f"parts.{name}", name, "number", help="Normalised", hide="narrow") for name in parts]
    if parts:
        return made
    per = board.get("per", "team")
    made += more_columns(rows, per=per)
    tries = [column("n_submissions", "Tries", "number", digits=0, hide=hide)] if per == "team" else []
    return [*made, *tries, column("submitted_at", "Submitted", "time", hide="narrow")]


def board_rows(board: Json, team: str | None, reader: str | None = None) -> list[dict[str, Any]]:
    """The rows of a leaderboard, each told apart by its team, or by its submission."""
    rows = [_board_row(row, team, reader) for row in shown_rows(board)]
    if board.get("per") == "submission":
        return [{**row, "_key": f"submission:{row['submission']}"} for row in rows]
    return rows


def _board_row(row: Json, team: str | None, reader: str | None) -> dict[str, Any]:
    baseline = bool(row.get("baseline"))
    is_own = row["team"] == team or reader in (row.get("members") or [])
    members = [str(name) for name in row.get("members") or [] if name != row["team"]]
    more = {f"metrics.{name}": value for name, value in (row.get("metrics") or {}).items()}
    parts = {f"parts.{name}": part.get("normalized") for name, part in (row.get("parts") or {}).items()}
    left = {"metrics", "parts", "members", "built_on"}
    kept = {key: value for key, value in row.items() if key not in left}
    return {
        **kept,
        **more_values(row),
        **more,
        **parts,
        "_key": f"{'baseline' if baseline else 'team'}:{row['team']}",
        "_you": not baseline and is_own,
        "_baseline": baseline,
        "_tie": bool(row.get("tie_with_first")),
        "_members": ", ".join(members),
    }


def _legend(rows: Iterable[dict[str, Any]]) -> str:
    """What the marks at the ranks mean, where a mark says more than that the first is first."""
    return TIE_LEGEND if sum(row["_tie"] for row in rows) > 1 else ""


class SubmissionsTable(LiveTable):
    """Submissions, newest first."""

    def __init__(
        self, *, everyone: bool = False, several: bool = False, kinds: bool = False, **traits: Any
    ) -> None:
        super().__init__(
            submission_columns(everyone=everyone, several=several, kinds=kinds),
            flash=["state", "score"],
            empty="No submissions yet.",
            **{"classes": ["kit-submissions"], "status": "waiting", "label": "submissions", **traits},
        )

    def show_submissions(self, found: Json) -> None:
        """Show submissions as the service tells them."""
        rows = [submission_row(facts) for facts in found]
        chosen = [facts["id"] for facts in found if facts.get("selected")]
        before = [row["id"] for row in self.rows if row["selected"]]
        # What the reader ticked and has not saved yet stays, unless the saved choice itself changed.
        stays = not self.selectable or (self.rows and chosen == before)
        ticked: dict[str, Any] = {} if stays else {"selected": chosen}
        self.show(rows, **ticked)


def submission_columns(*, everyone: bool, several: bool, kinds: bool = False) -> list[dict[str, Any]]:
    """The columns of a list of submissions; ``kinds`` where there may be code among them."""
    state = column("state", "State", "badge", tones=TONES, busy=["QUEUED", "RUNNING"], detail="verdict")
    public = column("score", "Public", "interval", low="low", high="high")
    return [
        column("id", "No.", "number", digits=0),
        *([column("team", "Team", name=True)] if everyone else []),
        *([column("question", "Question", hide="narrow")] if several else []),
        *([column("kind", "Kind", hide="wide")] if kinds else []),
        state,
        public,
        *([column("private", "Private", "number")] if everyone else []),
        column("note", "Note and reasons", "note", list="reasons", hide="narrow"),
        column("filename", "File", hide="wide"),
        column("submitted_at", "Submitted", "time"),
    ]


def submission_row(facts: Json) -> dict[str, Any]:
    """A submission's line."""
    scores = facts.get("score") or {}
    public = (scores.get("public") or {}).get(facts.get("metric")) or {}
    private = (scores.get("private") or {}).get(facts.get("metric")) or {}
    kept = ("id", "team", "question", "kind", "state", "verdict", "filename", "submitted_at", "user")
    return {
        **{key: facts.get(key) for key in kept},
        **{key: public.get(key) for key in ("score", "low", "high", "level")},
        "private": private.get("score"),
        "selected": bool(facts.get("selected")),
        "note": facts.get("note") or "",
        "reasons": _reasons(facts),
        "_baseline": bool(facts.get("baseline")),
        "_selectable": facts["state"] == "SCORED",
        "_tone": {"REJECTED": "bad", "ERROR": "warn"}.get(facts["state"], ""),
    }


def _reasons(facts: Json) -> list[str]:
    match facts["state"]:
        case "QUEUED" if facts.get("place_in_queue"):
            return [f"place {facts['place_in_queue']} in the queue"]
        case "RUNNING" if told := progress_text(facts.get("code")):
            return [told]
        case "REJECTED":
            return [str(reason) for reason in facts.get("reasons") or [facts.get("verdict") or ""]]
        case "ERROR":
            return [f"our mistake, not counted: incident {facts.get('incident') or 'unknown'}"]
    return []


def submissions(comp: CompetitionClient, question: str | None = None) -> ipywidgets.VBox:
    """Your team's submissions to a question, live, of which two may be selected as final."""
    overview = comp.overview
    several = len(overview["questions"]) > 1
    asked = question or (None if several else overview["questions"][0]["id"])
    table = SubmissionsTable(
        several=several and asked is None,
        kinds=any(takes_runs(each) for each in overview["questions"]),
        selectable=0 if asked is None else overview.get("selected", 2),
        label="your submissions",
    )
    path = f"{comp.path}/submissions?limit=500" + (f"&question={asked}" if asked else "")
    table.follow(comp.client, path, table.show_submissions, on_error=table.lost)
    return box(table, *([] if asked is None else [_selection(comp, asked, table)]), name="kit-my-submissions")


def _selection(comp: CompetitionClient, question: str, table: LiveTable) -> Fragment:
    told = (
        f"Tick up to {table.selectable} for the private leaderboard; with none, your best public one counts."
    )
    made = Fragment(announces=True, classes=["kit-selection"])

    def say(*told: Node) -> None:
        made.change(nodes=[el("div", button("Save my selection", "select"), *told, name="kit-row")])

    def select() -> None:
        chosen = comp.select(*table.selected, question=question)
        names = " and ".join(f"No. {number}" for number in chosen)
        text = f"Selected: {names}." if chosen else "Nothing selected: your best public one counts."
        say(message(text, "good"))

    made.on["select"] = lambda: quiet(select, lambda error: say(message(str(error), "bad")))
    say(el("p", told, name="kit-muted kit-small"))
    return made
