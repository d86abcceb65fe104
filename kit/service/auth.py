"""Who asks: passwords, tokens and scopes. Sees secrets, keeps only their hashes, and logs none."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kit.clock import from_text
from kit.errors import NotAllowed, NotFound, NotLoggedIn
from kit.service.rate import Rate
from kit.store import Row, Store

TOKEN_DAYS = 30.0
N_HASHING = 2
"""Passwords hashed at a time: each takes 64 MiB, and a rush of logins must not take the machine."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Scope(StrEnum):
    """What a token may be used for."""

    SUBMIT = "submit"
    READ = "read"
    ORGANIZE = "organize"


@dataclass(frozen=True)
class Caller:
    """Who asks, by which token; a JupyterHub's tokens are not kept here, and have the id 0."""

    user: Row
    token_id: int
    scopes: frozenset[str]
    expires_at: datetime | None
    groups: frozenset[str] = frozenset()
    """At the JupyterHub, where one says who people are."""

    @property
    def user_id(self) -> int:
        """The user's id."""
        return int(self.user["id"])

    @property
    def is_organizer(self) -> bool:
        """Whether organizers' things are theirs: the role alone does not do, the token must say so too."""
        return self.user["role"] == "organizer" and Scope.ORGANIZE in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether the token has a scope; organizers' tokens may read."""
        return scope in self.scopes or (scope is Scope.READ and self.is_organizer)


ONLOOKER = Caller(
    {"id": 0, "name": "", "email": None, "role": "participant", "created_at": None},
    token_id=0,
    scopes=frozenset({Scope.READ}),
    expires_at=None,
)
"""Whoever asks without a log-in, where leaderboards are for everyone: has no team, and no rights but that."""


class Passwords:
    """Hashes passwords by argon2id and checks them, in the same time whether the user is known or not."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.Semaphore(N_HASHING)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """The hash to keep."""
        with self._slots:
            return self._hasher.hash(password)

    def is_right(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that was hashed; None, for no such user, takes as long."""
        with self._slots:
            try:
                return self._hasher.verify(kept or self._nobody, password) and kept is not None
            except (VerificationError, InvalidHashError):
                return False


def new_password() -> str:
    """A random password of 79 bits that can be read aloud: no letter looks like another."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


class Logins:
    """Checks names and passwords, and slows down whoever guesses them.

    Most failures are counted by name and address together: a hall of people shares one address, and
    nobody shall lock another out by failing in their name. Larger counts by name and by address alone
    stop guessing that is spread.
    """

    def __init__(self, passwords: Passwords, n_failures: int, window: timedelta) -> None:
        self._passwords = passwords
        self._both = Rate(n_failures, window, "failed logins")
        self._name = Rate(10 * n_failures, window, "failed logins")
        self._address = Rate(10 * n_failures, window, "failed logins")

    def log_in(self, store: Store, name: str, password: str, *, address: str, now: datetime) -> Row:
        """The user of that name and password.

        Raises
        ------
        NotLoggedIn
            Either is wrong; which one is not told.
        OverLimit
        """
        key = name.casefold()
        counted = ((self._both, f"{address} {key}"), (self._name, key), (self._address, address))
        for rate, counted_by in counted:
            rate.check(counted_by, now)
        try:
            user = store.accounts.user(name)
        except NotFound:
            user = {"password_hash": None, "is_disabled": 0}
        if not self._passwords.is_right(password, user["password_hash"]):
            for rate, counted_by in counted:
                rate.add(counted_by, now)
            raise NotLoggedIn("Name or password is wrong.")
        if user["is_disabled"]:
            raise NotAllowed("This account has been disabled: ask the organizers.")
        self._both.forget(f"{address} {key}")
        return user


@dataclass(frozen=True)
class NewToken:
    """A token just made: the one time that its text is known."""

    text: str
    scopes: tuple[str, ...]
    expires_at: datetime


def new_token(
    store: Store,
    user: Row,
    *,
    now: datetime,
    scopes: Sequence[Scope] = (Scope.SUBMIT, Scope.READ),
    label: str = "",
    days: float = TOKEN_DAYS,
) -> NewToken:
    """Make a token for a user.

    Raises
    ------
    NotAllowed
        ``organize`` is for organizers.
    """
    if Scope.ORGANIZE in scopes and user["role"] != "organizer":
        raise NotAllowed(f"{user['name']!r} is no organizer, and gets no token with the scope 'organize'.")
    text = f"kit_{secrets.token_urlsafe(32)}"
    kept = tuple(dict.fromkeys(scope.value for scope in scopes))
    expires_at = now + timedelta(days=days)
    store.accounts.add_token(
        user["id"], token_hash(text), label=label, scopes=kept, now=now, expires_at=expires_at
    )
    return NewToken(text, kept, expires_at)


def caller_of(store: Store, token: str, *, now: datetime) -> Caller:
    """Who a token belongs to.

    Raises
    ------
    NotLoggedIn
    """
    row = store.accounts.token(token_hash(token), now=now)
    if row is None:
        raise NotLoggedIn("The token is wrong, expired or revoked: log in again.")
    return Caller(
        user={key: row[key] for key in ("id", "name", "email", "role", "created_at")},
        token_id=row["token_id"],
        scopes=frozenset(json.loads(row["scopes"])),
        expires_at=from_text(row["expires_at"]),
    )


def token_hash(token: str) -> str:
    """What is kept of a token; it holds 256 random bits, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
