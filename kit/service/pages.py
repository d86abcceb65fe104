"""What a person sees who opens a competition's address in a browser: what it is and how to take part."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from kit.service.context import ServiceHere
from kit.service.hosted import Hosted
from kit.service.hub import Settings

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1.25rem; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .25rem; }}
p {{ margin: .5rem 0 1.25rem; }}
pre {{ padding: .9rem 1rem; border: 1px solid #8884; border-radius: .4rem; overflow-x: auto; }}
.quiet {{ opacity: .7; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


@router.get("/")
def index(request: Request, service: ServiceHere) -> HTMLResponse:
    """The competitions of this service."""
    root = request.scope.get("root_path", "")
    items = "".join(
        f'<li><a href="{escape(root)}/{escape(h.competition.slug)}">{escape(h.competition.title)}</a> '
        f'<span class="quiet">{escape(h.competition.summary)}</span></li>'
        for h in service.hosted.values()
    )
    link = f'<a href="{escape(root)}/docs">HTTP interface</a>'
    body = f'<h1>Competitions</h1><ul>{items}</ul><p class="quiet">{link}</p>'
    return _page("Competitions", body)


@router.get("/{slug}")
def competition(slug: str, request: Request, service: ServiceHere) -> HTMLResponse:
    """One competition, and the lines that open it in a notebook and in a terminal."""
    hosted = service.find(slug)
    lines = _LINES if service.hub is None else _LINES_ON_HUB
    title, body = _about(hosted, lines, str(request.url.replace(query=None)))
    return _page(title, body if service.hub is None else body + _dashboards(service.hub.settings, slug))


def _dashboards(hub: Settings, slug: str) -> str:
    links = (("leaderboard", "Leaderboard on a large screen"), ("organizer", "Organizers' dashboard"))
    shown = (f'<a href="{escape(hub.dashboard(name, slug))}">{text}</a>' for name, text in links)
    return f'<p class="quiet">{" · ".join(shown)}</p>'


_LINES = (
    'import kit\n\ncomp = kit.connect("{address}")\ncomp',
    'kit login {address} --sign-up\nkit download\nkit submit -f predictions.csv -m "a first try"',
)
# A JupyterHub's servers know the service's address and whose they are.
_LINES_ON_HUB = (
    'import kit\n\ncomp = kit.connect("{slug}")\ncomp',
    'kit download -c {slug}\nkit submit -c {slug} -f predictions.csv -m "a first try"',
)


def _about(hosted: Hosted, lines: tuple[str, str], address: str) -> tuple[str, str]:
    competition = hosted.competition
    times = f"{competition.opens_at:%Y-%m-%d %H:%M} to {competition.closes_at:%Y-%m-%d %H:%M} UTC"
    notebook, terminal = (each.format(address=address, slug=competition.slug) for each in lines)
    body = (
        f"<h1>{escape(competition.title)}</h1><p>{escape(competition.summary)}</p>"
        f'<p class="quiet">{times}</p>'
        f"<p>In a notebook:</p><pre>{escape(notebook)}</pre>"
        f"<p>In a terminal:</p><pre>{escape(terminal)}</pre>"
    )
    return competition.title, body


def _page(title: str, body: str) -> HTMLResponse:
    html = _PAGE.format(title=escape(title), body=body)
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})
