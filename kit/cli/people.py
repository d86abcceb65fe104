"""Organizers' commands on accounts: users add, import, reset, list; teams."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from kit.cli.participant import Competition
from kit.cli.screen import print_json, print_table, tell
from kit.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from kit.cli.accounts import Accounts
    from kit.store import Store

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="KIT_DATA",
        metavar="DATA_DIR",
        help="The service's own folder. Without it: kit-data if it is here, else the service of the login.",
    ),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
FOUND_DATA = Path("kit-data")
USER_COLUMNS = ("name", "role", "team", "email", "n_submissions", "created_at", "last_seen_at", "disabled")
BY_HUB = "People log in here by the JupyterHub, so there are no passwords."
TEAM_COLUMNS = ("name", "members", "n_submissions", "created_at")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    users = typer.Typer(help="Add, import and list accounts, reset passwords.", no_args_is_help=True)
    users.command("add")(add)
    users.command("import")(import_csv)
    users.command("reset")(reset)
    users.command("list")(list_users)
    app.add_typer(users, name="users", rich_help_panel="Organizing")
    app.command(rich_help_panel="Organizing")(teams)


def add(
    name: Annotated[str, typer.Argument(help="2 to 40 letters, digits, or _ . -")],
    organizer: Annotated[bool, typer.Option("--organizer", help="An organizer, not a participant.")] = False,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    password_stdin: PasswordStdin = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add an account; without a password given, one is made up and printed this once."""
    row = {"name": name, "email": email, "password": _given_password(password_stdin)}
    with _accounts(data, may_create=True) as accounts:
        password = accounts.add({k: v for k, v in row.items() if v is not None}, organizer=organizer)
        by_hub = accounts.by_hub
    role = "organizer" if organizer else "participant"
    if as_json:
        print_json({"name": name, "role": role, "password": password})
        return
    tell(f"Added {role} {name}.{' ' + BY_HUB if by_hub else ''}")
    _print_password(password)


def import_csv(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="CSV", exists=True, dir_okay=False, help="Columns name[,email][,team][,password]."
        ),
    ],
    competition: Competition = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New file for the passwords, readable by you alone.")
    ] = None,
    data: DataDir = None,
) -> None:
    """Add accounts from a CSV file; prints the passwords made up for them as CSV. Known names are left.

    On a JupyterHub there are no passwords.
    """
    from kit.cells import guarded
    from kit.cli.accounts import read_people

    data = data or _found_data()
    people = read_people(file, competition, by_hub=_is_by_hub(data))
    with _accounts(data, may_create=True) as accounts, _private(output) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["name", "password"])
        n_added = n_problems = 0
        for made in accounts.import_people(people):
            n_added += made["created"]
            if made["password"]:
                writer.writerow([guarded(made["name"]), made["password"]])
                out.flush()
            if made.get("problem"):
                n_problems += 1
                tell(f"{made['name']}: {made['problem']}")
    left = len(people) - n_added
    kept = "" if accounts.by_hub else " and keep their password"
    tell(f"{n_added} added" + (f"; {left} had an account already{kept}." if left else "."))
    if accounts.by_hub:
        tell(BY_HUB)
    if n_problems:
        raise typer.Exit(1)


def reset(
    name: Annotated[str, typer.Argument(help="Whose password.")],
    password_stdin: PasswordStdin = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give an account a new password and end its logins."""
    given = _given_password(password_stdin)
    with _accounts(data) as accounts:
        password = accounts.reset(name, given)
    if as_json:
        print_json({"name": name, "password": password})
        return
    tell(f"{name} has a new password, and earlier logins have ended.")
    _print_password(password)


def list_users(competition: Competition = None, data: DataDir = None, as_json: AsJson = False) -> None:
    """List the accounts, of one competition if it is named."""
    with _accounts(data) as accounts:
        rows = accounts.list(competition)
    if as_json:
        print_json(rows)
    else:
        print_table([_short_times(row) for row in rows], USER_COLUMNS)


def teams(competition: Competition = None, as_json: AsJson = False) -> None:
    """List the teams of a competition."""
    from kit.cli.results import organized

    comp = organized(competition)
    rows = comp.client.get(f"{comp.path}/teams")
    if as_json:
        print_json(rows)
    else:
        print_table([_short_times(row) for row in rows], TEAM_COLUMNS)


def existing_store(data: Path) -> Store:
    """The store in a folder.

    Raises
    ------
    NotFound
        There is none: a mistyped path shall not make an empty one.
    """
    from kit.store import Store

    if not (data / "kit.db").is_file():
        raise NotFound(f"{data} holds no data of a service: name its folder with --data.")
    return Store(data)


def _found_data() -> Path | None:
    """The data folder that is here, where no service is named."""
    if "KIT_URL" in os.environ or not (FOUND_DATA / "kit.db").is_file():
        return None
    tell(f"Working on {FOUND_DATA}.")
    return FOUND_DATA


def _is_by_hub(data: Path | None) -> bool:
    from kit.cli.results import client
    from kit.service_lock import is_of_hub

    return is_of_hub(data) if data is not None else client().is_by_hub


@contextmanager
def _accounts(data: Path | None, *, may_create: bool = False) -> Iterator[Accounts]:
    """The accounts of a data folder, else those of the service that the login is for."""
    from kit.baselines import check_organizer
    from kit.cli.accounts import HttpAccounts, StoreAccounts
    from kit.cli.results import client
    from kit.store import Store

    data = data or _found_data()
    if data is None:
        service = client()
        check_organizer(service)
        yield HttpAccounts(service)
        return
    store = Store(data) if may_create else existing_store(data)
    try:
        yield StoreAccounts(store)
    finally:
        store.close()


@contextmanager
def _private(file: Path | None) -> Iterator[IO[str]]:
    if file is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidRequest(f"{file} exists, and may hold passwords: name another file.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        yield out


def _given_password(from_stdin: bool) -> str | None:
    if not from_stdin:
        return None
    return sys.stdin.readline().rstrip("\r\n")


def _print_password(password: str | None) -> None:
    if password is not None:
        tell("Its password, shown this once:")
        print(password)


def _short_times(row: dict[str, Any]) -> dict[str, Any]:
    times = {key: str(row[key])[:16].replace("T", " ") for key in row if key.endswith("_at") and row[key]}
    return row | times
