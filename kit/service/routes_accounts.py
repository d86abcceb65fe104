"""Routes of accounts: signing up, logging in and out, tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from kit.errors import NotAllowed
from kit.service import models, views
from kit.service.auth import NewToken, new_token
from kit.service.context import LoggedIn, Number, Service, ServiceHere, address_of
from kit.service.entry import check_sign_up
from kit.service.errors import documented
from kit.store import Row

router = APIRouter(prefix="/api/v1", tags=["accounts"], responses=documented(422, 500))


@router.post("/users", status_code=201, responses=documented(400, 403, 408, 409, 413, 429))
def sign_up(request: Request, service: ServiceHere, asked: models.SignUp) -> models.TokenMade:
    """Make an account, where some competition here takes new participants; a right invite joins at once."""
    _check_accounts(service)
    now, address = service.clock(), address_of(request)
    service.sign_ups.check(address, now)
    service.sign_ups.add(address, now)
    with service.wrong_invites.failures(address, now):
        invited = check_sign_up(service.hosted.values(), asked.email, asked.invite)
    hashed = service.passwords.hash(asked.password)
    user = service.store.accounts.add_user(asked.name, password_hash=hashed, email=asked.email, now=now)
    for hosted in invited:
        service.store.accounts.join(hosted.slug, user, now=now)
    return _made(user, new_token(service.store, user, now=now))


@router.post("/tokens", status_code=201, responses=documented(400, 401, 403, 408, 413, 429))
def log_in(request: Request, service: ServiceHere, asked: models.LogIn) -> models.TokenMade:
    """Log in: a token for a name and password."""
    _check_accounts(service)
    now, store = service.clock(), service.store
    user = service.logins.log_in(store, asked.name, asked.password, address=address_of(request), now=now)
    made = new_token(store, user, now=now, scopes=asked.scopes, label=asked.label, days=asked.days)
    return _made(user, made)


@router.get("/tokens", responses=documented(401))
def list_tokens(service: ServiceHere, caller: LoggedIn) -> list[models.Token]:
    """Your tokens, without their texts."""
    rows = service.store.accounts.tokens(caller.user_id)
    return [models.Token(**row, current=row["id"] == caller.token_id) for row in rows]


@router.delete("/tokens/current", status_code=204, responses=documented(401, 403))
def log_out(service: ServiceHere, caller: LoggedIn) -> Response:
    """Log out: revoke the token in use."""
    _check_accounts(service)
    service.store.accounts.revoke_token(caller.user_id, caller.token_id, now=service.clock())
    return Response(status_code=204)


@router.delete("/tokens/{number}", status_code=204, responses=documented(401, 404))
def revoke_token(service: ServiceHere, caller: LoggedIn, number: Number) -> Response:
    """Revoke one of your tokens."""
    service.store.accounts.revoke_token(caller.user_id, number, now=service.clock())
    return Response(status_code=204)


@router.get("/me", responses=documented(401))
def me(caller: LoggedIn) -> models.Me:
    """Whose token this is."""
    user = caller.user
    return models.Me(
        name=user["name"], role=user["role"], scopes=sorted(caller.scopes), expires_at=caller.expires_at
    )


def _check_accounts(service: Service) -> None:
    if service.hub is not None:
        raise NotAllowed(
            "Here the JupyterHub says who people are: log in and out there. In a notebook kit.connect() is "
            "enough; for a script make a token on the Hub's page Token, with the scope "
            f"'{service.hub.settings.scope}', and put it into KIT_TOKEN."
        )


def _made(user: Row, token: NewToken) -> models.TokenMade:
    return models.TokenMade(
        user=views.user(user),
        token=token.text,
        expires_at=token.expires_at,
        scopes=list(token.scopes),
    )
