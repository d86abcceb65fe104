"""The panel: a whole competition on one card."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets

from kit.client import Submission
from kit.errors import KitError
from kit.widgets._widget import Json, box, quiet, remembered
from kit.widgets.boards import leaderboard, submissions
from kit.widgets.card import card
from kit.widgets.fragment import Fragment, Node, button, el, message
from kit.widgets.header import header
from kit.widgets.kinds import kinds_of
from kit.widgets.login import Gate
from kit.widgets.rejudging import notices
from kit.widgets.tabs import tabbed
from kit.widgets.upload import upload_box

if TYPE_CHECKING:
    from kit.client import CompetitionClient

MOST_CARDS = 3


def panel(comp: CompetitionClient) -> Gate:
    """The panel of a competition: a login form first where nobody is logged in."""
    return remembered(comp, "panel", lambda: Gate(comp, partial(_inside, comp)))  # type: ignore[no-any-return]


def _inside(comp: CompetitionClient, leave: Callable[[], None]) -> ipywidgets.VBox:
    overview = comp.overview
    pages = {
        "Overview": _overview(comp, overview),
        "Data": _data(comp, overview),
        "Submit": _submit(comp),
        "Leaderboard": _leaderboards(comp, overview),
        "My submissions": _submissions(comp, overview),
    }
    parts = tabbed(pages, label="Parts of the competition")
    return box(header(overview, leave, by_hub=comp.client.is_by_hub), notices(comp), parts, name="kit-panel")


def _overview(comp: CompetitionClient, overview: Json) -> ipywidgets.VBox:
    facts = Fragment(
        el(
            "div",
            el("dl", *(_question(each) for each in overview["questions"]), name="kit-facts"),
            el("p", limits_text(overview), name="kit-muted"),
            name="kit-column",
        ),
        classes=["kit-overview"],
    )
    if not overview.get("rules"):
        return box(facts)
    return box(facts, rules(overview["rules"]), _acceptance(comp, overview))


def _question(question: Json) -> dict[str, Any]:
    best: Json = next((m for m in question["metrics"] if m["name"] == question["metric"]), {})
    direction = "greater is better" if best.get("greater_is_better", True) else "lower is better"
    columns = ", ".join([question["id_column"], *question["columns"]])
    is_code = question["n_rows"] is None
    form = (
        f"code: {', '.join(question['code']['entries'])}"
        if is_code
        else f"{question['n_rows']:,} rows of {columns}"
    )
    return el(
        "div",
        el("dt", f"Question {question['id']}"),
        el("dd", el("b", question["title"])),
        el("dd", f"{question['metric']}, {direction}", name="kit-small", title=best.get("summary")),
        el(
            "dd",
            form,
            name="kit-muted kit-small",
        ),
    )


def limits_text(overview: Json) -> str:
    """The limits of the current phase, in a sentence."""
    phase = overview.get("phase")
    if not phase:
        return "No phase is open now."
    told = []
    if phase.get("daily_limit") is not None:
        told.append(f"{phase['daily_limit']} submissions a day")
    if phase.get("total_limit") is not None:
        told.append(f"{phase['total_limit']} in all")
    if phase.get("interval_s"):
        told.append(f"one every {phase['interval_s']:g} s")
    return f"Limits for each team: {', '.join(told)}." if told else "No limit on submissions."


def rules(markdown: str) -> ipywidgets.HTML:
    """The organizer's rules; raw HTML in them is shown as text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"html": False, "linkify": False})
    parser.add_render_rule("link_open", _link)
    # A picture would be loaded from elsewhere.
    shown = ipywidgets.HTML(parser.disable("image").render(markdown))
    shown.add_class("kit-rules")
    return shown


def _link(self: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    tokens[at].attrSet("rel", "noopener noreferrer")
    tokens[at].attrSet("target", "_blank")
    return str(self.renderToken(tokens, at, options, env))


def _acceptance(comp: CompetitionClient, overview: Json) -> Fragment:
    made = Fragment(announces=True, classes=["kit-acceptance"])

    def accept() -> None:
        comp.accept_rules()
        made.change(nodes=[message("You have accepted the rules.", "good")])

    def failed(error: KitError) -> None:
        made.change(nodes=[message(str(error), "bad"), button("Accept the rules", "accept")])

    made.on["accept"] = lambda: quiet(accept, failed)
    accepted = (overview["me"] or {}).get("rules_accepted")
    ask = [
        el("p", "Accept the rules before your first submission.", name="kit-small kit-muted"),
        button("Accept the rules", "accept", look="kit-button kit-button-main"),
    ]
    done = message("You have accepted the rules.", "good")
    made.nodes = [done if accepted else el("div", *ask, name="kit-row")]
    return made


def _data(comp: CompetitionClient, overview: Json) -> Fragment:
    made = Fragment(announces=True, classes=["kit-data"])
    several = len(overview["questions"]) > 1

    def show(*told: Node, busy: bool = False) -> None:
        get = button("Downloading…" if busy else "Download to this machine", "download", disabled=busy)
        lists = [part for each in overview["questions"] for part in _files(each, several)]
        code = el("pre", el("code", 'data = comp.data()\ndata["train"]'))
        made.change(nodes=[el("div", *lists, el("div", get, name="kit-row"), *told, code, name="kit-column")])

    def download() -> None:
        folders = [comp.data_dir(each["id"]) for each in overview["questions"]]
        show(message("Downloaded and verified: " + ", ".join(dict.fromkeys(map(str, folders))), "good"))

    def start() -> None:
        show(busy=True)
        quiet(download, lambda error: show(message(str(error), "bad")))

    made.on["download"] = start
    show()
    return made


def _files(question: Json, several: bool) -> list[Node]:
    rows = [
        cell
        for file in question["data"]
        for cell in (
            el("span", file["name"], data_file=file["name"]),
            el("span", size(file["bytes"]), name="kit-end kit-muted"),
            el("span", f"SHA-256 {file['sha256'][:12]}…", name="kit-muted kit-small", title=file["sha256"]),
        )
    ]
    return [*([el("h4", question["title"])] if several else []), el("div", *rows, name="kit-files")]


def size(n_bytes: int) -> str:
    """A number of bytes as people say it."""
    return f"{n_bytes / 1e3:,.1f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:,.1f} MB"


def _submit(comp: CompetitionClient) -> ipywidgets.VBox:
    cards = box(name="kit-cards")

    def submitted(facts: Json) -> None:
        before = cards.children
        cards.children = [card(Submission(comp.client, facts)), *before[: MOST_CARDS - 1]]
        for old in before[MOST_CARDS - 1 :]:
            old.close()

    hint = Fragment(el("div", *_from_cells(comp.overview), name="kit-column"))
    return box(upload_box(comp, submitted), cards, hint, name="kit-submit")


def _from_cells(overview: Json) -> list[Node]:
    kinds = {kind for each in overview["questions"] for kind in kinds_of(each)}
    said: list[Node] = []
    if "predictions" in kinds:
        said += [
            el("p", "Or from a cell, with a DataFrame or a path of any size:", name="kit-muted"),
            el("pre", el("code", 'comp.submit(predictions, note="what is new")')),
        ]
    if "code" in kinds:
        cell = '%load_ext kit\n\n%%submit --note "what is new"\ndef get_estimator():\n    ...'
        more = "Add --dry-run to see the scores of the folds first, on this machine, which uses nothing up."
        said += [
            el(
                "p",
                "Or a cell's code, which defines get_estimator() (%%submit begins a cell):",
                name="kit-muted",
            ),
            el("pre", el("code", cell)),
            el("p", more, name="kit-muted kit-small"),
        ]
    return said


def _leaderboards(comp: CompetitionClient, overview: Json) -> ipywidgets.VBox:
    pages = {each["title"]: leaderboard(comp, each["id"]) for each in overview["questions"]}
    if len(pages) > 1:
        pages["All questions"] = leaderboard(comp)
    return tabbed(pages, kind="segments", label="Question")


def _submissions(comp: CompetitionClient, overview: Json) -> ipywidgets.VBox:
    pages = {each["title"]: submissions(comp, each["id"]) for each in overview["questions"]}
    return tabbed(pages, kind="segments", label="Question")
