"""The organizers' screen, all of it live. Asks who is there before it shows anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets

from kit.errors import KitError, NotAllowed
from kit.widgets._widget import Json, box, close_all, quiet
from kit.widgets.boards import SubmissionsTable, leaderboard
from kit.widgets.fragment import Fragment, message
from kit.widgets.header import header
from kit.widgets.kinds import takes_runs
from kit.widgets.login import Gate
from kit.widgets.pareto import ParetoPlot
from kit.widgets.plot import ProgressPlot
from kit.widgets.probing import ProbingView
from kit.widgets.rejudging import Rejudging
from kit.widgets.service import KeyNumbers, QueueView, baselines_table, participants_table, show_baselines
from kit.widgets.similar import SimilarView
from kit.widgets.table import LiveTable
from kit.widgets.tabs import Tabs, tabbed

if TYPE_CHECKING:
    from kit.client import CompetitionClient

SCOPES = ("submit", "read", "organize")
REFUSAL = "This screen is for organizers, and this account is a participant's."
BY_HUB = (
    "This screen is for organizers, and you, {name}, are not in their group at the JupyterHub. Whoever "
    "administers it can put you there; load this page again half a minute later."
)


def organizer(comp: CompetitionClient) -> Gate:
    """The organizers' screen; a login form first, and a refusal for everyone else."""
    return Gate(
        comp,
        partial(_inside, comp),
        log_in=partial(_log_in, comp),
        can_sign_up=False,
        subtitle="For organizers: log in with your account.",
    )


def _log_in(comp: CompetitionClient, name: str, password: str) -> None:
    client = comp.client
    try:
        client.log_in(name, password, scopes=SCOPES)
    except NotAllowed as error:
        # The service gives participants no such scope; or there were too many attempts.
        raise NotAllowed(f"This screen is for organizers. {error}") from None
    _require_organizer(comp)


def _require_organizer(comp: CompetitionClient) -> None:
    if (me := comp.client.me())["role"] != "organizer":
        raise NotAllowed(BY_HUB.format(name=me["name"]) if comp.client.is_by_hub else REFUSAL)


def _inside(comp: CompetitionClient, leave: Callable[[], None]) -> ipywidgets.VBox:
    _require_organizer(comp)
    known = {each["slug"]: each["title"] for each in comp.client.competitions()}
    plot = ProgressPlot()
    if len(known) == 1:
        return _screen(comp, leave, plot)
    slugs = list(known)
    tabs = Tabs(
        titles=list(known.values()), index=slugs.index(comp.slug), kind="segments", label="Competition"
    )
    held = box(_screen(comp, leave, plot))

    def show(index: int) -> None:
        before = held.children
        held.children = [_screen(comp.client.competition(slugs[index]), leave, plot)]
        for each in before:
            close_all(each, but=plot.box)

    def failed(error: KitError) -> None:
        held.children = [Fragment(message(str(error), "bad"))]

    tabs.observe(lambda change: quiet(partial(show, change["new"]), failed), "index")
    return box(tabs, held, name="kit-competitions")


def _screen(comp: CompetitionClient, leave: Callable[[], None], plot: ProgressPlot) -> ipywidgets.VBox:
    overview = comp.overview
    several = len(overview["questions"]) > 1
    numbers = KeyNumbers()
    plot.ask(overview["questions"])
    kinds = any(takes_runs(each) for each in overview["questions"])
    table = SubmissionsTable(everyone=True, several=several, kinds=kinds, label="all submissions")
    people, queue, baselines = participants_table(), QueueView(), baselines_table(several=several)
    signs, alike = ProbingView(), SimilarView()
    path = f"{comp.path}/submissions?limit=1000"
    _watch(comp, path, table, table.show_submissions, numbers.show_submissions, plot.show_submissions)
    _watch(comp, f"/users?competition={comp.slug}", people, people.show, numbers.show_people)
    _watch(comp, "/queue", queue.table, queue.show, numbers.show_queue)
    _watch(comp, f"{comp.path}/probing", signs.table, signs.show)
    _watch(comp, f"{comp.path}/similar", alike.table, alike.show)
    _watch(comp, f"{comp.path}/baselines", baselines, partial(show_baselines, baselines))
    again = Rejudging(comp)
    _watch(comp, f"{comp.path}/rejudges", again.table, again.show)
    _watch(comp, f"{comp.path}/versions", again.table, again.show_versions)
    against_cost = _against_cost(comp, overview, queue.table)
    pages = {
        "Leaderboard": box(_boards(comp, overview), plot.box, *(each.box for each in against_cost)),
        "Submissions": table,
        "Participants": people,
        "Queue and workers": queue.box,
        "Baselines": baselines,
        "Probing": signs.box,
        "Similarity": alike.box,
        "Rejudging": again.box,
    }
    parts = tabbed(pages, label="Parts of the organizers' screen")
    # What is only told from the watching thread lives as long as the screen.
    parts.told = (numbers, plot, queue, again, signs, alike, against_cost)
    head = header(overview, leave, by_hub=comp.client.is_by_hub)
    return box(head, numbers, parts, name="kit-panel kit-wide kit-organizer")


def _against_cost(comp: CompetitionClient, overview: Json, keeper: LiveTable) -> list[ParetoPlot]:
    """A plot for each question that takes code."""
    made = []
    for question in overview["questions"]:
        if question.get("code"):
            made.append(ParetoPlot(question))
            path = comp.leaderboard_path("public", question["id"], per="submission")
            keeper.follow(comp.client, path, made[-1].show)
    return made


def _watch(comp: CompetitionClient, path: str, table: LiveTable, *shows: Callable[[Json], object]) -> None:
    for show in shows:
        table.follow(comp.client, path, show, on_error=table.lost)


def _boards(comp: CompetitionClient, overview: Json) -> ipywidgets.VBox:
    def side_by_side(question: str | None) -> ipywidgets.VBox:
        public, private = (
            leaderboard(comp, question, split, title=split.capitalize()) for split in ("public", "private")
        )
        return box(public, private, name="kit-side")

    pages = {each["title"]: side_by_side(each["id"]) for each in overview["questions"]}
    if len(pages) > 1:
        pages["All questions"] = side_by_side(None)
    return tabbed(pages, kind="segments", label="Question")
