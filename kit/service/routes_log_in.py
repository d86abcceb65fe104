"""Routes by which a browser logs in at the JupyterHub; only there. Their names are no competition's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from kit.errors import NotFound, NotLoggedIn
from kit.service.context import ServiceHere
from kit.service.page import PageRoute

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/log_in")
async def log_in(
    request: Request, service: ServiceHere, back: Annotated[str, Query(alias="next", max_length=500)] = "/"
) -> Response:
    """Send the browser to the Hub, to come back to a page of this service."""
    if service.sessions is None:
        raise NotFound("Nobody logs in here by browser.")
    return service.sessions.begin(request, back)


@router.get("/oauth_callback")
async def oauth_callback(
    request: Request,
    service: ServiceHere,
    code: Annotated[str, Query(max_length=500)] = "",
    state: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Take the browser back from the Hub."""
    if service.sessions is None:
        raise NotFound("Nobody logs in here by browser.")
    if not code:
        raise NotLoggedIn("The JupyterHub did not log you in.")
    return await service.sessions.finish(request, code=code, state=state)
