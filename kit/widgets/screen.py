"""Dashboards: whose competition they show, and the leaderboard for everyone in the room."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import ipywidgets

from kit import credentials
from kit.client import Client, locate
from kit.errors import NotFound
from kit.widgets._widget import box
from kit.widgets.boards import leaderboard
from kit.widgets.header import header
from kit.widgets.login import Gate

if TYPE_CHECKING:
    from kit.client import CompetitionClient

BIG = "kit-big"


def visit(url: str | None = None) -> CompetitionClient:
    """The competition a dashboard shows; who opens it logs in there.

    The address is ``url``, else KIT_URL; where it ends in no competition, ``?competition=`` of the page's
    own address says which, else it is the first one.

    Raises
    ------
    NotFound
        Where the service has no competition.
    """
    base, slug = locate(url)
    # Nobody's token inside Voila: whoever opens the page runs in its owner's account.
    client = Client(base, token=credentials.token_for(base))
    asked = parse_qs(os.environ.get("QUERY_STRING", "")).get("competition", [])
    known = [entry["slug"] for entry in client.competitions()]
    if not known:
        raise NotFound(f"The service at {base} has no competition.")
    return client.competition(slug or next(iter(asked), known[0]))


def big_screen(comp: CompetitionClient) -> Gate:
    """The live public leaderboard in large type; asks for a login that may only read."""
    return Gate(
        comp,
        partial(_inside, comp),
        log_in=partial(comp.client.log_in, scopes=("read",)),
        can_sign_up=False,
        subtitle="Log in to show the leaderboard. This page can read, and nothing else.",
    )


def _inside(comp: CompetitionClient, leave: Callable[[], None]) -> ipywidgets.VBox:
    overview = comp.overview
    boards = [
        leaderboard(comp, each["id"], classes=["kit-leaderboard", BIG], height="74vh", team=None, rests=False)
        for each in overview["questions"]
    ]
    return box(
        header(overview, leave, by_hub=comp.client.is_by_hub, classes=[BIG]),
        box(*boards, name="kit-side"),
        name="kit-panel kit-wide kit-screen",
    )
