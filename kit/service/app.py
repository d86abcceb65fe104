"""create_app: puts the parts of the service together. Runs nothing by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from anyio import CapacityLimiter
from argon2 import PasswordHasher
from fastapi import FastAPI

from kit import __version__
from kit.clock import Clock, utc_now
from kit.competition import Competition
from kit.service import (
    docs,
    pages,
    routes_accounts,
    routes_baselines,
    routes_code,
    routes_competitions,
    routes_leaderboards,
    routes_log_in,
    routes_organizer,
    routes_rejudges,
    routes_service,
    routes_submissions,
)
from kit.service.auth import Logins, Passwords
from kit.service.boards import Boards
from kit.service.context import Service
from kit.service.counts import Counts
from kit.service.errors import add_handlers
from kit.service.followed import FollowedBoard
from kit.service.guard import Guard
from kit.service.hosting import Hosting
from kit.service.hub import JupyterHub
from kit.service.page import unknown_page
from kit.service.programs import Programs
from kit.service.rate import Rate
from kit.service.sessions import Sessions
from kit.service.trouble import Troubles
from kit.service.watch import Watch
from kit.sharing import SharedData
from kit.store import Store

WINDOW = timedelta(minutes=5)
SETTLE_S = 2.0
N_BOARD_READERS = 8

_ABOUT = """
Get a token from `POST /api/v1/tokens` and send it as `Authorization: Bearer kit_…`.
On a JupyterHub the Hub's tokens take their place: `Authorization: token …`.
Errors say what is wrong and what to do; status 500 gives an incident number to quote to the organizers.
Where an answer has an `ETag`, `If-None-Match` with `Prefer: wait=20` waits for a change.
"""


def create_app(
    store: Store,
    competitions: Sequence[Competition],
    *,
    clock: Clock = utc_now,
    workers: int = 0,
    code_workers: int = 0,
    hub: JupyterHub | None = None,
    shared: SharedData | None = None,
    hasher: PasswordHasher | None = None,
    n_failed_logins: int = 10,
    n_sign_ups: int = 500,
    n_comparisons: int = 200,
    n_looks: int = 3000,
) -> FastAPI:
    """The service over a store, for competitions whose truth is read here once, and its labels forgotten.

    Parameters
    ----------
    workers, code_workers : int
        How many predictions, and how much code, the judge of this store judges at a time; only to be told of.
    hub : JupyterHub, optional
        Says who people are, in place of passwords and the kit's own tokens; under its prefix all routes are
        found too.
    shared : SharedData, optional
        Where accounts of this machine read participants' files in place.
    hasher : PasswordHasher, optional
        Another cost of passwords.
    n_failed_logins : int
        Failed logins in five minutes by one name from one address; ten times as many by one name, or
        from one address, and ten times as many wrong invite codes.
    n_sign_ups : int
        New accounts in five minutes from one address: a whole hall may share it.
    n_comparisons : int
        Comparisons of submissions by one team in a day: each says a little of the labels.
    n_looks : int
        Looks at leaderboards without a log-in in a minute from one address: a whole hall may share it.

    Raises
    ------
    InvalidCompetition
    """
    passwords = Passwords(hasher)
    service = Service(
        store=store,
        hosted=Hosting(store, competitions, clock),
        clock=clock,
        passwords=passwords,
        logins=Logins(passwords, n_failed_logins, WINDOW),
        sign_ups=Rate(n_sign_ups, WINDOW, "new accounts"),
        wrong_invites=Rate(10 * n_failed_logins, WINDOW, "wrong invite codes"),
        comparisons=Rate(n_comparisons, timedelta(days=1), "comparisons"),
        looks=Rate(n_looks, timedelta(minutes=1), "looks at leaderboards without a log-in"),
        watch=Watch(store),
        boards=Boards(store, clock),
        counts=Counts(store),
        programs=Programs(store),
        troubles=Troubles(store, clock),
        n_workers=workers,
        n_code_workers=code_workers,
        board_readers=CapacityLimiter(N_BOARD_READERS),
        hub=hub,
        shared=shared,
        sessions=Sessions(hub) if hub is not None and hub.settings.logs_browsers_in else None,
    )
    return _assemble(service)


def _assemble(service: Service) -> FastAPI:
    app = FastAPI(
        title="Competition kit",
        version=__version__,
        description=_ABOUT,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.add_middleware(Guard, service=service)
    add_handlers(app, service.clock)
    app.add_exception_handler(404, unknown_page)
    app.router.routes.insert(0, FollowedBoard())
    if service.sessions is not None:
        app.include_router(routes_log_in.router)
    for module in _ROUTES:
        app.include_router(module.router)
    return app


# Organizers' routes and pages last: theirs end in names, which must not swallow a fixed address.
_ROUTES = (
    docs,
    routes_service,
    routes_accounts,
    routes_competitions,
    routes_submissions,
    routes_code,
    routes_leaderboards,
    routes_baselines,
    routes_rejudges,
    routes_organizer,
    pages,
)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    tasks = [asyncio.create_task(service.watch.run()), asyncio.create_task(_settle(service.troubles))]
    try:
        yield
    finally:
        if service.hub is not None:
            await service.hub.close()
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _settle(troubles: Troubles) -> None:
    while True:
        await asyncio.sleep(SETTLE_S)
        await asyncio.to_thread(troubles.settle)
