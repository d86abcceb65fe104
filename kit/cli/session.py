"""Commands to log in and out, and to see who is logged in where."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kit.cli.screen import print_json, tell
from kit.errors import AlreadyExists, InvalidRequest, NotFound, NotLoggedIn, ServiceError

if TYPE_CHECKING:
    from kit.client import Client
    from kit.client.http import Json

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (login, logout, whoami):
        app.command(rich_help_panel="Taking part")(command)


def login(
    url: Annotated[
        str | None, typer.Argument(help="Address of the service or of a competition; by default the last.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Your name; asked for otherwise.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    sign_up: Annotated[bool, typer.Option("--sign-up", help="Make a new account.")] = False,
    invite: Annotated[str | None, typer.Option("--invite", help="Invitation, where one is needed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Log in, or sign up, and remember it on this machine."""
    from kit import credentials
    from kit.client import Client, locate

    base, slug = locate(url)
    client = Client(base)
    competition = _competition(client, slug)
    if name is None:
        name = _ask("Name")
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _ask_password(twice=sign_up)
    answer = _enter(client, name, password, sign_up=sign_up, invite=invite)
    kept = credentials.Credentials(client.url, answer["token"], answer["user"]["name"], answer["expires_at"])
    credentials.save(kept, competition=competition)
    where = f"{client.url}/{competition}" if competition else client.url
    if as_json:
        told = {"name": kept.name, "role": answer["user"]["role"], "expires_at": kept.expires_at}
        print_json({"url": client.url, "competition": competition, **told})
    tell(f"{'Signed up' if sign_up else 'Logged in'} at {where} as {kept.name}.")
    if credentials.token_for(client.url) != kept.token:
        tell("KIT_TOKEN is set in the environment and goes before this login.")


def logout() -> None:
    """Revoke the current login and forget it."""
    from kit import credentials
    from kit.client import Client, locate

    base, _ = locate()
    token = credentials.token_for(base)
    if token is None:
        raise NotLoggedIn(f"Nobody is logged in to {base}.")
    try:
        Client(base, token=token).log_out()
    except NotLoggedIn:
        tell("The login had already ended.")
    except ServiceError as error:
        tell(f"Forgotten here, but not revoked there: {error}")
    credentials.forget(base)
    tell(f"Logged out of {base}.")


def whoami(as_json: AsJson = False) -> None:
    """Show who is logged in, and where."""
    from kit import credentials
    from kit.client import Client, locate

    base, slug = locate()
    client = Client(base, token=credentials.token_for(base))
    me = client.me()
    current = credentials.current()
    competition = slug or (current.competition if current else None)
    if as_json:
        print_json({"url": base, "competition": competition, **me})
        return
    where = f"{base}/{competition}" if competition else base
    print(f"{me['name']} ({me['role']}) at {where}")


def _competition(client: Client, slug: str | None) -> str | None:
    if slug is not None:
        return client.competition(slug).slug
    try:
        return client.competition().slug
    except NotFound:
        return None


def _enter(client: Client, name: str, password: str, *, sign_up: bool, invite: str | None) -> Json:
    try:
        if sign_up:
            return client.sign_up(name, password, invite=invite)
        answer = client.log_in(name, password)
        if answer["user"]["role"] != "organizer":
            return answer
        # Only organizers are given the scope, and who is one is known no earlier.
        client.log_out()
        return client.log_in(name, password, scopes=("submit", "read", "organize"))
    except AlreadyExists as error:
        raise AlreadyExists(f"{error} If it is you, log in without --sign-up.") from None
    except NotLoggedIn as error:
        raise NotLoggedIn(f"{error} For a new account: kit login --sign-up") from None


def _ask(what: str) -> str:
    if not sys.stdin.isatty():
        raise InvalidRequest("There is no terminal to ask in: pass --name and --password-stdin.")
    return str(typer.prompt(what, err=True))


def _ask_password(*, twice: bool) -> str:
    if not sys.stdin.isatty():
        raise InvalidRequest("There is no terminal to ask in: pass --name and --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True))
