"""Answers of the service that are errors, as the kit's own classes with the same text."""

from __future__ import annotations

import ssl
from typing import Any

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
_AGAIN = "; trying again"
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
    if kind is ServiceError and message.endswith(_AGAIN):
        return ServiceError(message, what=message.removesuffix(_AGAIN))
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


def _class_of(name: Any, status: int) -> type[KitError]:
    if name in _CLASSES:
        return _CLASSES[name]
    return ServiceError if status >= 500 else _BY_STATUS.get(status, InvalidRequest)


def _unknown(response: httpx2.Response) -> KitError:
    where = f"{response.request.method} {response.request.url}"
    answer = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code >= 500:
        return ServiceError(f"The service did not manage {where}: {answer}. Try again in a moment.")
    kind = _BY_STATUS.get(response.status_code, InvalidRequest)
    return kind(f"{where} was refused: {answer}. Is this the address of a competition service?")
