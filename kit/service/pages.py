"""What a person sees who opens a competition's address in a browser: what it is, and its leaderboards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from kit.errors import NotAllowed, NotLoggedIn, ParticipantError
from kit.service.auth import ONLOOKER, Caller, Scope
from kit.service.context import Guest, Service, ServiceHere, count_look, guest_of
from kit.service.entry import check_entry
from kit.service.hosted import Hosted
from kit.service.hub import Settings
from kit.service.page import HEADERS, STATIC, PageRoute, Who, page
from kit.service.page_boards import board_html, marked
from kit.service.sessions import LogInFirst
from kit.service.view import View, view_of_bytes
from kit.service.waiting import Conditional, answer_changed
from kit.submission import Split

router = APIRouter(include_in_schema=False, route_class=PageRoute)

TOGETHER = "*"
"""In an address: the leaderboard of all questions. No question can be called so."""
Question = Annotated[str | None, Query(max_length=63)]

_HTML = {"Content-Type": "text/html; charset=utf-8", **HEADERS}
_CURRENT = ' aria-current="page"'
_STATUS = '<p id="status" role="status"></p>'


@router.get("/")
def index(request: Request, service: ServiceHere, guest: Guest) -> HTMLResponse:
    """The competitions of this service."""
    root = request.scope.get("root_path", "")
    items = "".join(
        f'<li><a href="{escape(root)}/{escape(h.competition.slug)}">{escape(h.competition.title)}</a> '
        f'<span class="quiet">{escape(h.competition.summary)}</span></li>'
        for h in service.hosted.values()
    )
    link = f'<a href="{escape(root)}/docs">HTTP interface</a>'
    body = f'<h1>Competitions</h1><ul>{items}</ul><p class="quiet">{link}</p>'
    return HTMLResponse(page("Competitions", body, root=root, who=_who(service, guest)), headers=HEADERS)


@router.get("/live.js")
def script() -> Response:
    """What keeps pages as the service has them."""
    text = (STATIC / "live.js").read_text(encoding="utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"})


@router.get("/{slug}")
async def competition(
    slug: str,
    request: Request,
    service: ServiceHere,
    guest: Guest,
    condition: Conditional,
    question: Question = None,
) -> Response:
    """One competition: what it is, how to take part, and its leaderboard to those who may see it."""
    hosted = service.find(slug)
    looker = guest
    if guest is None and hosted.competition.access.is_open_to_onlookers:
        looker = ONLOOKER
        count_look(service, request)
    asked = _Asked(request.scope.get("root_path", ""), f"/{slug}", question)
    about = _about(service, hosted, guest, str(request.url.replace(query=None)))

    def read() -> View:
        board, topics = _board_or_why(service, hosted, looker, asked) if looker else ("", ())
        body = f'{about}<div id="live">{board}</div>{_STATUS}'
        who, title = _who(service, guest), hosted.competition.title
        return view_of_bytes(
            page(title, body, root=asked.root, who=who, is_live=bool(looker)).encode(), topics
        )

    return await answer_changed(condition, service, looker or ONLOOKER, read, headers=_HTML)


@router.get("/{slug}/leaderboard")
async def leaderboard(
    slug: str,
    request: Request,
    service: ServiceHere,
    condition: Conditional,
    question: Question = None,
    split: Split | None = None,
) -> Response:
    """A leaderboard by itself, for large screens; without a log-in where it is for everyone."""
    hosted = service.find(slug)
    caller = await _looker(request, service, hosted)
    asked = _Asked(request.scope.get("root_path", ""), f"/{slug}/leaderboard", question, split)

    def read() -> View:
        board, topics = _board(service, hosted, caller, asked)
        title = hosted.competition.title
        more = f'<a href="{escape(asked.root)}/{escape(slug)}">How to take part</a>'
        head = f'<h1>{escape(title)}</h1><p class="quiet">{_times(hosted)} · {more}</p>'
        body = f'{head}<div id="live">{board}</div>{_STATUS}'
        who = _who(service, caller)
        html = page(f"{title}: leaderboard", body, root=asked.root, who=who, is_live=True, is_wide=True)
        return view_of_bytes(html.encode(), topics)

    return await answer_changed(condition, service, caller, read, headers=_HTML)


async def _looker(request: Request, service: Service, hosted: Hosted) -> Caller:
    """Who looks: by name where they are logged in, else nobody in particular where it is for everyone."""
    is_open = hosted.competition.access.is_open_to_onlookers
    try:
        guest = await guest_of(request, service)
    except (LogInFirst, NotLoggedIn):
        if not is_open:
            raise
        guest = None
    if guest is not None:
        return guest
    if not is_open:
        raise NotAllowed(
            f"The leaderboards of '{hosted.slug}' are for those who take part: see them in a notebook."
        )
    count_look(service, request)
    return ONLOOKER


@dataclass(frozen=True)
class _Asked:
    """What leaderboard a page shows, and where it is."""

    root: str
    path: str
    question: str | None = None
    split: Split | None = None


def _board_or_why(
    service: Service, hosted: Hosted, caller: Caller, asked: _Asked
) -> tuple[str, tuple[str, ...]]:
    """A leaderboard, or why this person does not see it, on a page that says more than that."""
    try:
        board, topics = _board(service, hosted, caller, asked)
    except ParticipantError as error:
        return f"<h2>Leaderboard</h2><p>{escape(str(error))}</p>", ()
    return (
        f'{board}<p><a href="{escape(asked.root + asked.path)}/leaderboard">On a page of its own</a></p>',
        topics,
    )


def _board(service: Service, hosted: Hosted, caller: Caller, asked: _Asked) -> tuple[str, tuple[str, ...]]:
    """A leaderboard as participants see it, with links to the others, and what may change it."""
    # Organizers too: what hangs on a large screen shows nothing that is theirs alone.
    caller = caller if caller is ONLOOKER else replace(caller, scopes=caller.scopes - {Scope.ORGANIZE})
    now = service.clock()
    check_entry(service.store, hosted, caller, now=now)
    is_closed = hosted.is_closed(now)
    if asked.split is Split.PRIVATE and not is_closed:
        raise NotAllowed(f"The private leaderboard opens when '{hosted.slug}' closes.")
    split = asked.split or (Split.PRIVATE if is_closed else Split.PUBLIC)
    name = asked.question or next(iter(hosted.questions))
    if name == TOGETHER:
        made, title = service.boards.combined(hosted, split, "normalized", caller), "All questions"
    else:
        question = hosted.find(name)
        made = service.boards.question(hosted, question, split, caller)
        title = question.question.title or question.id
    team = service.store.accounts.team_of(hosted.slug, caller.user_id)
    table = marked(board_html(made.body), None if team is None else team["name"])
    return f"<h2>{escape(title)}</h2>{_tabs(hosted, name, asked)}{table}", made.topics


def _tabs(hosted: Hosted, shown: str, asked: _Asked) -> str:
    if len(hosted.questions) < 2:
        return ""
    titles = {q.id: q.question.title or q.id for q in hosted.questions.values()}
    links = (
        f'<a href="{escape(asked.root + asked.path)}?question={quote(name)}"'
        f"{_CURRENT if name == shown else ''}>{escape(title)}</a>"
        for name, title in (titles | {TOGETHER: "All questions"}).items()
    )
    return f'<nav class="tabs" aria-label="Questions">{"".join(links)}</nav>'


def _who(service: Service, caller: Caller | None) -> Who | None:
    if service.hub is None or caller is None or caller is ONLOOKER:
        return None
    return Who(str(caller.user["name"]), service.hub.settings.hub_page("logout"))


_LINES = (
    'import kit\n\ncomp = kit.connect("{address}")\ncomp',
    'kit login {address} --sign-up\nkit download\nkit submit -f predictions.csv -m "a first try"',
)
# A JupyterHub's servers know the service's address and whose they are.
_LINES_ON_HUB = (
    'import kit\n\ncomp = kit.connect("{slug}")\ncomp',
    'kit download -c {slug}\nkit submit -c {slug} -f predictions.csv -m "a first try"',
)


def _about(service: Service, hosted: Hosted, guest: Caller | None, address: str) -> str:
    competition = hosted.competition
    lines = _LINES if service.hub is None else _LINES_ON_HUB
    notebook, terminal = (each.format(address=address, slug=competition.slug) for each in lines)
    return (
        f"<h1>{escape(competition.title)}</h1><p>{escape(competition.summary)}</p>"
        f'<p class="quiet">{_times(hosted)}</p>'
        f"<p>In a notebook:</p><pre>{escape(notebook)}</pre>"
        f"<p>In a terminal:</p><pre>{escape(terminal)}</pre>"
        f"{_dashboards(service.hub.settings, hosted.slug, guest) if service.hub is not None else ''}"
    )


def _dashboards(hub: Settings, slug: str, guest: Caller | None) -> str:
    links = [("leaderboard", "Leaderboard in your own server")]
    if guest is None or guest.is_organizer:
        links.append(("organizer", "Organizers' dashboard"))
    shown = (f'<a href="{escape(hub.dashboard(name, slug))}">{text}</a>' for name, text in links)
    return f'<p class="quiet">{" · ".join(shown)}</p>'


def _times(hosted: Hosted) -> str:
    competition = hosted.competition
    return f"{competition.opens_at:%Y-%m-%d %H:%M} to {competition.closes_at:%Y-%m-%d %H:%M} UTC"
