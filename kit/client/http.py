"""Requests to one service, answers as JSON, errors as the kit's own. Knows no route."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from kit.client.errors import AGAIN, error_from, instead, is_ours, untrusted
from kit.client.session import Session
from kit.errors import ServiceError

Json = Any
"""What a JSON answer holds."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
_NO_ANSWER = f"The service did not answer{AGAIN}"
_FORGOTTEN = "Something answers at {} in place of the service, which it does not find: try again in a minute."
_PASSING = frozenset({502, 503, 504})
_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)


@dataclass(frozen=True)
class Retries:
    """How often a request is repeated when the service does not answer; pauses double from 0.5 s to 8 s.

    Only for requests that may safely arrive twice.
    """

    times: int = 0
    say: Callable[[str], object] | None = field(default=None)
    """Told before each pause; None is silent."""


def say(text: str) -> None:
    """Tell the person something on stderr, which leaves a command's results alone."""
    print(text, file=sys.stderr, flush=True)


NO_RETRY = Retries()
ONE_RETRY = Retries(1)
PATIENT = Retries(14, say)
"""Outlasts a restart, for which a JupyterHub looks every 30 seconds, on a busy machine: 88 s in all."""


class Wire:
    """HTTP with one service: errors as the kit's classes, retries, files in pieces."""

    def __init__(self, session: Session, transport: httpx2.BaseTransport | None = None) -> None:
        self.session = session
        self._has_answered = False
        self._http = httpx2.Client(
            base_url=f"{session.url}/api/v1/",
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=session.trusts_environment,
            verify=session.verify,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, retries: Retries = ONE_RETRY
    ) -> Json:
        """GET an address under ``/api/v1`` as JSON."""
        return _json(self.request("GET", path, params=params, retries=retries))

    def post(self, path: str, json: Json = None) -> Json:
        """POST JSON; None where the answer is empty."""
        return _json(self.request("POST", path, json=json))

    def put(self, path: str, json: Json = None) -> Json:
        """PUT JSON; None where the answer is empty."""
        return _json(self.request("PUT", path, json=json, retries=ONE_RETRY))

    def delete(self, path: str) -> None:
        """DELETE an address."""
        self.request("DELETE", path)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Json = None,
        body: Callable[[], Iterable[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        retries: Retries = NO_RETRY,
    ) -> httpx2.Response:
        """Send a request and return the answer; an answer that is an error is raised as the kit's own class.

        Parameters
        ----------
        body : callable
            Gives the bytes to stream, anew for each attempt.
        timeout_s : float, optional
            How long to wait for the answer, where it may be longer than a minute.
        """
        sent = {**self.session.headers(), **(headers or {})}
        timeout = _TIMEOUT if timeout_s is None else httpx2.Timeout(timeout_s, connect=10.0)
        for attempt in range(retries.times + 1):
            try:
                response = self._http.request(
                    method,
                    path.lstrip("/"),
                    params=_present(params),
                    json=json,
                    content=body() if body else None,
                    headers=sent,
                    timeout=timeout,
                )
            except httpx2.TransportError as error:
                if attempt == retries.times or untrusted(self.session.url, error):
                    raise _unreachable(self.session.url, error, attempt) from None
                reason = _NO_ANSWER
            else:
                away = self._away(response)
                if away is None:
                    return _raised(response)
                if attempt == retries.times:
                    raise _given_up(away, attempt)
                reason = str(away) if str(away).endswith(AGAIN) else _NO_ANSWER
            _pause(attempt, retries, reason)
        raise AssertionError("unreachable")

    def _away(self, response: httpx2.Response) -> ServiceError | None:
        """Why an answer says only that it is worth asking again; None where it is an answer."""
        # A proxy that was restarted has forgotten where the service is, until its Hub tells it again.
        is_forgotten = response.status_code == 404 and self._has_answered and not is_ours(response)
        if is_forgotten:
            return ServiceError(_FORGOTTEN.format(self.session.url))
        if response.status_code in _PASSING:
            error = error_from(response)
            return error if isinstance(error, ServiceError) else ServiceError(str(error))
        self._has_answered = True
        return None

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx2.Response]:
        """GET a file in pieces: ``for piece in response.iter_bytes()``."""
        try:
            with self._http.stream(
                "GET", path.lstrip("/"), headers={**self.session.headers(), "Accept-Encoding": "identity"}
            ) as response:
                if response.is_error:
                    response.read()
                yield _raised(response)
        except httpx2.TransportError as error:
            raise _unreachable(self.session.url, error, 0) from None

    def upload(
        self,
        method: str,
        path: str,
        file: Path,
        *,
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
        progress: Callable[[int], object] | None = None,
        retries: Retries = NO_RETRY,
    ) -> Json:
        """Stream a file as the body of a request.

        Parameters
        ----------
        key : str, optional
            Idempotency-Key: with one, a repeated request makes no second submission.
        progress : callable, optional
            Told how many bytes went since the last call; negative when an attempt starts anew.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
        if key:
            headers["Idempotency-Key"] = key
        pieces = _Pieces(file, progress)
        answer = self.request(
            method, path, params=params, body=pieces, headers=headers, timeout_s=300, retries=retries
        )
        return _json(answer)


class _Pieces:
    """The bytes of a file, from the start each time they are asked for."""

    def __init__(self, file: Path, progress: Callable[[int], object] | None) -> None:
        self._file = file
        self._progress = progress or _ignore
        self._sent = 0

    def __call__(self) -> Iterator[bytes]:
        self._progress(-self._sent)
        self._sent = 0
        with self._file.open("rb") as file:
            while piece := file.read(1 << 16):
                yield piece
                self._sent += len(piece)
                self._progress(len(piece))


def _ignore(n_bytes: int) -> None:
    del n_bytes


def quoted(part: str) -> str:
    """A part of an address, made safe."""
    return quote(part, safe="")


def _raised(response: httpx2.Response) -> httpx2.Response:
    if response.is_redirect:
        raise instead(response) or ServiceError(
            f"{response.request.url} has moved to {response.headers.get('Location')}: use that."
        )
    if response.is_error:
        raise error_from(response)
    return response


def _json(response: httpx2.Response) -> Json:
    try:
        return response.json() if response.content else None
    except ValueError:
        raise ServiceError(
            f"{response.request.url} did not answer with JSON. Is this the address of a competition service?"
        ) from None


def _present(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {key: value for key, value in params.items() if value is not None} if params else None


def _pause(attempt: int, retries: Retries, reason: str) -> None:
    pause_s = pause_after(attempt)
    if retries.say:
        retries.say(f"{reason} in {pause_s:g} s ({attempt + 1} of {retries.times}).")
    time.sleep(pause_s)


def pause_after(attempt: int) -> float:
    """Seconds until a request is repeated; 0 is the first attempt.

    >>> [pause_after(attempt) for attempt in range(6)]
    [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    """
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**attempt)


def _given_up(away: ServiceError, attempt: int) -> ServiceError:
    if not str(away).endswith(AGAIN):
        return away
    return ServiceError(
        f"{away.what}{_tried(attempt)}. What was taken before is safe; try again in a minute.", what=away.what
    )


def _tried(attempt: int) -> str:
    return f" after {attempt + 1} attempts" if attempt > 1 else ""


def _unreachable(url: str, error: httpx2.TransportError, attempt: int) -> ServiceError:
    if told := untrusted(url, error):
        return told
    reason = str(error) or type(error).__name__
    return ServiceError(
        f"The service at {url} does not answer{_tried(attempt)} ({reason}). "
        "Check the address and your network, or ask the organizer whether the service is running."
    )
