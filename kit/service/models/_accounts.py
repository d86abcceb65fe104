"""Models of accounts: signing up, logging in, tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from kit.service.auth import TOKEN_DAYS, Scope
from kit.service.models._fields import Asked, Email, NewPassword, ShortText, Time, UserName


class SignUp(Asked):
    """A new account."""

    name: UserName
    password: NewPassword
    email: Email | None = None
    invite: ShortText | None = None


class LogIn(Asked):
    """A name and password, and what the token shall be for."""

    name: ShortText
    password: Annotated[str, StringConstraints(max_length=1000)]
    scopes: tuple[Scope, ...] = (Scope.SUBMIT, Scope.READ)
    label: ShortText = ""
    days: float = Field(default=TOKEN_DAYS, gt=0, le=366)


class User(BaseModel):
    """A user, as they see themselves."""

    id: int
    name: str
    email: str | None
    role: Literal["participant", "organizer"]
    created_at: Time


class TokenMade(BaseModel):
    """A token; its text is told this once."""

    user: User
    token: str
    expires_at: Time
    scopes: list[str]


class Token(BaseModel):
    """One of your tokens."""

    id: int
    label: str
    scopes: list[str]
    created_at: Time
    expires_at: Time
    revoked_at: Time | None
    current: bool


class Me(BaseModel):
    """Whose token this is, and what it is for."""

    name: str
    role: Literal["participant", "organizer"]
    scopes: list[str]
    expires_at: Time | None
