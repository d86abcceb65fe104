"""The route of those who follow a leaderboard: the documented one's answers, by a shorter way.

Whoever follows asks again as soon as they were told; for a hall that is nearly all the service does, and
most of what a request costs is finding its route and reading its parameters.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from kit.service.context import credentials_in, hosted_here, onlooker, question_here, service_of
from kit.service.routes_leaderboards import BOARD, follow
from kit.service.waiting import Condition, wanted_wait_s
from kit.submission import Split

_PLAIN = frozenset({b"", b"split=public"})


class FollowedBoard(Route):
    """Takes what asks for the whole public leaderboard of now and would wait; leaves all else to others."""

    def __init__(self) -> None:
        super().__init__(BOARD, _answer, methods=["GET"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is one of these."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"] not in _PLAIN:
            return Match.NONE, {}
        if all(name != b"prefer" for name, _ in scope["headers"]):
            return Match.NONE, {}
        match, found = super().matches(scope)
        # Counts are by the route's template, as of the documented one.
        return match, {**found, "route": self} if match is Match.FULL else found


async def _answer(request: Request) -> Response:
    service = await service_of(request)
    hosted = await hosted_here(service, request.path_params["slug"])
    question = await question_here(hosted, request.path_params["question"])
    caller = await onlooker(request, service, hosted, credentials_in(request))
    wait_s = wanted_wait_s(request.headers.get("Prefer"))
    condition = Condition(request, request.headers.get("If-None-Match"), wait_s)
    return await follow(service, hosted, question, caller, condition, Split.PUBLIC)
