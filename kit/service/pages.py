"""What a person sees who opens a competition's address in a browser: what it is and how to take part."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from kit.service.context import ServiceHere
from kit.service.hosted import Hosted

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
def index(service: ServiceHere) -> HTMLResponse:
    """The competitions of this service."""
    items = "".join(
        f'<li><a href="{escape(h.competition.slug)}">{escape(h.competition.title)}</a> '
        f'<span class="quiet">{escape(h.competition.summary)}</span></li>'
        for h in service.hosted.values()
    )
    body = f'<h1>Competitions</h1><ul>{items}</ul><p class="quiet"><a href="docs">HTTP interface</a></p>'
    return _page("Competitions", body)


@router.get("/{slug}")
def competition(slug: str, request: Request, service: ServiceHere) -> HTMLResponse:
    """One competition, and the lines that open it in a notebook and in a terminal."""
    return _page(*_about(service.find(slug), str(request.url.replace(query=None))))


def _about(hosted: Hosted, address: str) -> tuple[str, str]:
    competition = hosted.competition
    times = f"{competition.opens_at:%Y-%m-%d %H:%M} to {competition.closes_at:%Y-%m-%d %H:%M} UTC"
    notebook = f'import kit\n\ncomp = kit.connect("{address}")\ncomp'
    terminal = f'kit login {address} --sign-up\nkit download\nkit submit -f predictions.csv -m "a first try"'
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
