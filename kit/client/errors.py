"""Answers of the service that are errors, as the kit's own classes with the same text."""

from __future__ import annotations

import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx2

from kit.errors import (
    AlreadyExists,
    InvalidPredictions,
    InvalidRequest,
    KitError,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    ParticipantError,
    ServiceError,
)

_CLASSES: dict[str, type[KitError]] = {
    kind.__name__: kind
    for kind in (NotAllowed, NotLoggedIn, NotFound, AlreadyExists, InvalidRequest, ServiceError)
}
AGAIN = "; trying again"
"""How the service ends its message where what it leans on is away, and whoever asks should ask again."""
_BY_STATUS: dict[int, type[ParticipantError]] = {
    401: NotLoggedIn,
    403: NotAllowed,
    404: NotFound,
    409: AlreadyExists,
    429: NotAllowed,
}


def error_from(response: httpx2.Response) -> KitError:
    """The error an answer stands for; something between us and the service may have answered, too."""
    try:
        told = response.json()["error"]
        message = str(told["message"])
    except (ValueError, KeyError, TypeError):
        return _unknown(response)
    if told.get("class") == "InvalidPredictions":
        error = InvalidPredictions(str(told.get("question")), [str(p) for p in told.get("problems") or []])
        error.args = (message,)
        return error
    incident = told.get("incident")
    if incident and incident not in message:
        message = f"{message} (incident {incident})"
    kind = _class_of(told.get("class"), response.status_code)
    if kind is ServiceError and message.endswith(AGAIN):
        return ServiceError(message, what=message.removesuffix(AGAIN))
    return kind(message)


def is_ours(response: httpx2.Response) -> bool:
    """Whether the service itself answered, where the answer is an error, and not a proxy in its place."""
    try:
        return "class" in response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return False


def untrusted(url: str, error: BaseException) -> ServiceError | None:
    """What to do where a certificate keeps us from a service; None where something else does."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    return ServiceError(
        f"The certificate of {url} is not trusted on this machine: {cause.verify_message}. If it comes from "
        "an authority of your organization's own, name that one's file before Python starts, as in "
        "SSL_CERT_FILE=/etc/ssl/our-authority.pem; if it does not, somebody may be listening: ask the "
        "organizer, and send nothing."
    )


def instead(response: httpx2.Response) -> KitError | None:
    """What a proxy means that answers in place of the service; None where it cannot be told."""
    status, url = response.status_code, response.request.url
    who = f"A proxy{_name_of(response)} before the service"
    answer = f"{status} {response.reason_phrase}".strip()
    to = urlsplit(response.headers.get("Location", ""))
    if response.is_redirect and (url.scheme, to.scheme) == ("http", "https"):
        return ServiceError(f"{url.host} is to be asked encrypted alone: begin with https://{to.netloc}.")
    if status == 400 and re.search("HTTP request .*HTTPS|plain HTTP to an SSL", response.text):
        return ServiceError(f"{url.host} is to be asked encrypted alone: begin with https://.")
    if status == 413:
        size = int(response.request.headers.get("Content-Length", 0)) / 1e6
        return ServiceError(
            f"{who} does not let {size:,.1f} MB through ({answer}); nothing was used up. Ask the organizer "
            "to allow more there, in nginx by client_max_body_size.",
            what="A proxy does not let this size through",
        )
    if status == 504:
        return ServiceError(
            f"{who} did not wait for its answer ({answer}). Try again in a moment; if it happens again, "
            "ask the organizer to let it wait for a minute, in nginx by proxy_read_timeout."
        )
    if status in (502, 503):
        return ServiceError(
            f"{who} answers, and the service does not ({answer}). Try again in a moment, or ask the "
            "organizer whether it is running."
        )
    return None


def _class_of(name: Any, status: int) -> type[KitError]:
    if name in _CLASSES:
        return _CLASSES[name]
    return ServiceError if status >= 500 else _BY_STATUS.get(status, InvalidRequest)


def _name_of(response: httpx2.Response) -> str:
    name = re.match(r"[A-Za-z][\w-]{0,30}", response.headers.get("Server", ""))
    return f" ({name[0]})" if name else ""


def _unknown(response: httpx2.Response) -> KitError:
    if told := instead(response):
        return told
    where = f"{response.request.method} {response.request.url.copy_with(query=None)}"
    answer = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code >= 500:
        return ServiceError(f"The service did not manage {where}: {answer}. Try again in a moment.")
    kind = _BY_STATUS.get(response.status_code, InvalidRequest)
    return kind(f"{where} was refused: {answer}. Is this the address of a competition service?")
