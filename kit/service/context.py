"""The parts of a running service, and the dependencies by which routes get at them and at who asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

from anyio import CapacityLimiter
from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from kit.clock import Clock
from kit.errors import NotAllowed, NotFound, NotLoggedIn
from kit.service.auth import ONLOOKER, Caller, Logins, Passwords, Scope, caller_of
from kit.service.boards import Boards
from kit.service.counts import Counts
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.hosting import Hosting
from kit.service.hub import JupyterHub
from kit.service.programs import Programs
from kit.service.rate import Rate
from kit.service.sessions import ENDED, Sessions
from kit.service.trouble import Troubles
from kit.service.watch import Watch
from kit.sharing import SharedData
from kit.store import Store

MAX_ID = 2**63 - 1
"""The largest number SQLite can be asked for."""


@dataclass(frozen=True)
class Service:
    """All that routes work with."""

    store: Store
    hosted: Hosting
    clock: Clock
    passwords: Passwords
    logins: Logins
    sign_ups: Rate
    wrong_invites: Rate
    comparisons: Rate
    looks: Rate
    watch: Watch
    boards: Boards
    counts: Counts
    programs: Programs
    troubles: Troubles
    n_workers: int
    n_code_workers: int
    board_readers: CapacityLimiter
    """Threads that read leaderboards: all who want one wait while it is made, and leave others theirs."""
    hub: JupyterHub | None = None
    """Where a JupyterHub says who people are; then nobody else does."""
    sessions: Sessions | None = None
    """Where it logs in people's browsers too."""
    shared: SharedData | None = None
    """Where accounts of this machine read data in place."""

    def find(self, slug: str) -> Hosted:
        """A competition by its slug.

        Raises
        ------
        NotFound
        """
        if slug not in self.hosted:
            raise NotFound(f"There is no competition {slug!r} here; there are {', '.join(self.hosted)}.")
        return self.hosted[slug]


async def service_of(request: Request) -> Service:
    """The service a request came to."""
    return cast(Service, request.app.state.service)


ServiceHere = Annotated[Service, Depends(service_of)]


class _Header(HTTPBearer):
    """``Authorization: Bearer …``, or ``token …`` as JupyterHub writes it."""

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        return credentials_in(request)


def credentials_in(request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
    """The token in a request's header."""
    scheme, text = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme.lower() not in ("bearer", "token") or not text:
        return None
    return HTTPAuthorizationCredentials(scheme=scheme, credentials=text)


_ABOUT = "A token, kit_…, from POST /api/v1/tokens; on a JupyterHub the Hub's own."
_Credentials = Annotated[
    HTTPAuthorizationCredentials | None, Depends(_Header(auto_error=False, description=_ABOUT))
]


async def anyone(request: Request, service: ServiceHere, credentials: _Credentials) -> Caller | None:
    """Who asks, where it matters and is known; with a bad token one is nobody."""
    try:
        return await logged_in(request, service, credentials)
    except NotLoggedIn:
        return None


async def logged_in(request: Request, service: ServiceHere, credentials: _Credentials) -> Caller:
    """Who asks, whatever their token is for."""
    if credentials is None:
        raise NotLoggedIn("Log in first: this needs a token.")
    if service.hub is None:
        # Here, not in a thread: that would take longer than this one row, and as long again to come back.
        return caller_of(service.store, credentials.credentials, now=service.clock())
    is_acting = request.method not in ("GET", "HEAD")
    return await caller_at_hub(service, service.hub, credentials.credentials, is_acting=is_acting)


async def caller_at_hub(service: Service, hub: JupyterHub, token: str, *, is_acting: bool) -> Caller:
    """Who the Hub says a token belongs to; see `JupyterHub.visitor`."""
    visitor = await hub.visitor(token, is_acting=is_acting)
    accounts, now = service.store.accounts, service.clock()
    role = "organizer" if visitor.is_organizer else "participant"
    # As in `logged_in`: to a thread goes only what has to be written.
    user = accounts.known_hub_user(visitor.name, role, now=now)
    if user is None:
        user = await run_in_threadpool(partial(accounts.hub_user, visitor.name, role, now=now))
    if user["is_disabled"]:
        raise NotAllowed("This account has been disabled: ask the organizers.")
    scopes = {Scope.SUBMIT, Scope.READ} | ({Scope.ORGANIZE} if visitor.is_organizer else set())
    kept = {key: user[key] for key in ("id", "name", "email", "role", "created_at")}
    return Caller(kept, token_id=0, scopes=frozenset(scopes), expires_at=None, groups=visitor.groups)


async def reader(caller: Annotated[Caller, Depends(logged_in)]) -> Caller:
    """Someone whose token may read."""
    return _with_scope(caller, Scope.READ)


async def submitter(caller: Annotated[Caller, Depends(logged_in)]) -> Caller:
    """Someone whose token may submit, and act for its owner in competitions."""
    return _with_scope(caller, Scope.SUBMIT)


async def organizer(caller: Annotated[Caller, Depends(logged_in)]) -> Caller:
    """An organizer with a token for it."""
    if caller.user["role"] != "organizer":
        raise NotAllowed("This is for organizers.")
    return _with_scope(caller, Scope.ORGANIZE)


def _with_scope(caller: Caller, scope: Scope) -> Caller:
    if not caller.may(scope):
        had = ", ".join(sorted(caller.scopes)) or "none"
        raise NotAllowed(f"This needs a token with the scope '{scope}'; yours has {had}: log in for it.")
    return caller


async def hosted_here(service: ServiceHere, slug: Annotated[str, Path(max_length=63)]) -> Hosted:
    """The competition in the address."""
    return service.find(slug)


HostedHere = Annotated[Hosted, Depends(hosted_here)]


async def guest_of(request: Request, service: ServiceHere) -> Caller | None:
    """Who opens a page; None where no browser can log in.

    Raises
    ------
    LogInFirst, NotLoggedIn, NotAllowed
    """
    if service.hub is None or service.sessions is None:
        return None
    token = await service.sessions.token(request)
    try:
        # Pages tell soon who was logged out elsewhere: as if something were to be changed.
        return await caller_at_hub(service, service.hub, token, is_acting=True)
    except NotLoggedIn:
        raise NotLoggedIn(ENDED) from None


async def onlooker(
    request: Request, service: ServiceHere, hosted: HostedHere, credentials: _Credentials
) -> Caller:
    """Someone whose token may read; nobody in particular, where leaderboards are for everyone."""
    if credentials is not None or not hosted.competition.access.is_open_to_onlookers:
        return await reader(await logged_in(request, service, credentials))
    count_look(service, request)
    return ONLOOKER


def address_of(request: Request) -> str:
    """The address that somebody asks from; a proxy's, where it is not trusted to say whose."""
    return request.client.host if request.client else "unknown"


def count_look(service: Service, request: Request) -> None:
    """Count that somebody without a log-in looks at a leaderboard.

    Raises
    ------
    OverLimit
    """
    address, now = address_of(request), service.clock()
    service.looks.check(address, now)
    service.looks.add(address, now)


async def question_here(hosted: HostedHere, question: Annotated[str, Path(max_length=63)]) -> HostedQuestion:
    """The question in the address."""
    return hosted.find(question)


QuestionHere = Annotated[HostedQuestion, Depends(question_here)]
Anyone = Annotated[Caller | None, Depends(anyone)]
LoggedIn = Annotated[Caller, Depends(logged_in)]
Reader = Annotated[Caller, Depends(reader)]
Onlooker = Annotated[Caller, Depends(onlooker)]
Guest = Annotated[Caller | None, Depends(guest_of)]
Submitter = Annotated[Caller, Depends(submitter)]
Organizer = Annotated[Caller, Depends(organizer)]
Number = Annotated[int, Path(ge=1, le=MAX_ID)]
BaselineName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
