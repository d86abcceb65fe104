"""Accounts as an organizer changes them: in the store of this machine, or over HTTP."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kit.cells import unguarded
from kit.errors import AlreadyExists, InvalidRequest, NotAllowed

if TYPE_CHECKING:
    from kit.client import Client
    from kit.store import Store

Person = dict[str, Any]
"""``name`` and, where given, ``email``, ``password``, ``team``, ``competition``."""

COLUMNS = ("name", "email", "team", "password")
OWN_NAME = "the name {!r} is not 2 to 40 letters, digits, or _ . -"
HUB_NAME = "the name {!r} is none of a JupyterHub: 1 to 255 visible characters without a slash"


class Accounts(Protocol):
    """Where accounts are kept."""

    @property
    def by_hub(self) -> bool:
        """Whether a JupyterHub says who people are, so that there are no passwords."""
        ...

    def add(self, person: Person, *, organizer: bool) -> str | None:
        """Add one; returns the password if it was made up."""
        ...

    def import_people(self, people: Sequence[Person]) -> Iterator[dict[str, Any]]:
        """Add many; gives ``name``, ``password`` (if made up), ``created`` of each, as they are added."""
        ...

    def reset(self, name: str, password: str | None) -> str | None:
        """Set a password; returns it if it was made up."""
        ...

    def list(self, competition: str | None) -> list[dict[str, Any]]:
        """All accounts, or those of a competition."""
        ...


class StoreAccounts:
    """The accounts of a store on this machine: no login needed, whoever can read the files may."""

    def __init__(self, store: Store) -> None:
        from kit.service.auth import Passwords
        from kit.service_lock import is_of_hub

        self._store = store
        self._passwords = Passwords()
        self._by_hub = is_of_hub(store.directory)

    @property
    def by_hub(self) -> bool:
        """Whether the last service of this store was a JupyterHub's."""
        return self._by_hub

    def add(self, person: Person, *, organizer: bool) -> str | None:
        """Add one; returns the password if it was made up."""
        from kit.clock import utc_now
        from kit.service.auth import new_password

        _check(person, by_hub=self.by_hub)
        if organizer:
            self._check_own(f"put {person['name']!r} into the Hub's group of organizers")
        password = None if self.by_hub else person.get("password") or new_password()
        self._store.accounts.add_user(
            person["name"],
            password_hash=None if password is None else self._passwords.hash(password),
            now=utc_now(),
            email=person.get("email"),
            role="organizer" if organizer else "participant",
        )
        return None if person.get("password") else password

    def import_people(self, people: Sequence[Person]) -> Iterator[dict[str, Any]]:
        """Add many; those who exist are left as they are, but for their team."""
        from tqdm import tqdm

        for person in tqdm(people, desc="Adding accounts", unit="", delay=1.0, leave=False, disable=None):
            try:
                made = {"password": self.add(person, organizer=False), "created": True}
            except AlreadyExists:
                made = {"password": None, "created": False}
            yield {"name": person["name"], **made, "problem": self._join(person)}

    def reset(self, name: str, password: str | None) -> str | None:
        """Set a password; returns it if it was made up."""
        from kit.clock import utc_now
        from kit.service.auth import new_password

        self._check_own(f"set the password of {name!r} there")
        _check({"name": name, **({"password": password} if password is not None else {})})
        chosen = password or new_password()
        self._store.accounts.set_password(name, self._passwords.hash(chosen), now=utc_now())
        return None if password else chosen

    def list(self, competition: str | None) -> list[dict[str, Any]]:
        """All accounts, or those of a competition."""
        rows = self._store.accounts.users(competition)
        return [{"disabled": bool(row.pop("is_disabled")), **row} for row in rows]

    def _check_own(self, way_out: str) -> None:
        if self.by_hub:
            raise NotAllowed(
                f"{self._store.directory} was last served on a JupyterHub, which says who people are: "
                f"{way_out}. Where it is a Hub's no longer, start kit serve on it first."
            )

    def _join(self, person: Person) -> str | None:
        from kit.clock import utc_now

        if not person.get("team"):
            return None
        accounts = self._store.accounts
        user = accounts.user(person["name"])
        # Whoever writes the list decides on the teams' sizes: the limit binds participants.
        joined = accounts.join(person["competition"], user, now=utc_now(), team=person["team"], max_size=None)
        if joined["name"].casefold() == person["team"].casefold():
            return None
        return f"is in team {joined['name']!r} already and stays there."


class HttpAccounts:
    """The accounts of a service, by an organizer's login."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def by_hub(self) -> bool:
        """Whether the service is a JupyterHub's."""
        return self._client.is_by_hub

    def add(self, person: Person, *, organizer: bool) -> str | None:
        """Add one; returns the password if it was made up."""
        if organizer:
            raise NotAllowed(
                "Organizers are added on the service's own machine: kit users add NAME --organizer --data DIR"
            )
        _check(person, by_hub=self.by_hub)
        made = next(self.import_people([person]))
        if not made["created"]:
            raise AlreadyExists(f"The name {person['name']!r} is taken: choose another.")
        password: str | None = made["password"]
        return password

    def import_people(self, people: Sequence[Person]) -> Iterator[dict[str, Any]]:
        """Add many; those who exist are left as they are, but for their team."""
        from tqdm import tqdm

        from kit.service.models.organizer import MAX_IMPORT

        with tqdm(
            total=len(people), desc="Adding accounts", unit="", delay=1.0, leave=False, disable=None
        ) as bar:
            # Short lists, so that each request ends soon: hashing takes its time.
            for start in range(0, len(people), n := min(20, MAX_IMPORT)):
                part = people[start : start + n]
                for made in self._client.post("/users/import", {"users": part}):
                    bar.update()
                    yield made

    def reset(self, name: str, password: str | None) -> str | None:
        """Set a password; returns it if it was made up."""
        from kit.client.http import quoted

        body = {} if password is None else {"password": password}
        made: str | None = self._client.post(f"/users/{quoted(name)}/password", body)["password"]
        return None if password else made

    def list(self, competition: str | None) -> list[dict[str, Any]]:
        """All accounts, or those of a competition."""
        found: list[dict[str, Any]] = self._client.get("/users", {"competition": competition})
        return found


def read_people(file: Path, competition: str | None, *, by_hub: bool = False) -> list[Person]:
    """The people of a CSV file, with the names that people choose or, ``by_hub``, those of a JupyterHub.

    Raises
    ------
    InvalidRequest
        With every problem, each with its line.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, strict=True)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            _check_columns(file, names)
            reader.fieldnames = names
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(f"{file} is not CSV in UTF-8: {error}.") from None
    people, problems = [], list[str]()
    lines: dict[str, int] = {}
    for line, row in rows:
        person = {k: _read(k, v) for k, v in row.items() if k in COLUMNS and isinstance(v, str) and v.strip()}
        if "team" in person:
            if competition is None:
                raise InvalidRequest(f"{file} names teams: say of which competition with -c.")
            person["competition"] = competition
        problems += [f"line {line}: {p}" for p in _row_problems(row, person, lines, line, by_hub)]
        people.append(person)
    if problems:
        head = f"{file} has {len(problems)} problem{'s' * (len(problems) > 1)}; nobody was added."
        raise InvalidRequest("\n".join([head, *(f"  - {problem}" for problem in problems)]))
    return people


def _read(column: str, text: str) -> str:
    # A password stands in files as it is, since it would be copied from there with what guards it.
    return text.strip() if column == "password" else unguarded(text.strip())


def _check_columns(file: Path, names: Sequence[str]) -> None:
    odd = [name for name in names if name not in COLUMNS]
    if "name" not in names or odd:
        raise InvalidRequest(
            f"{file} must begin with a line that names its columns, name[,email][,team][,password]; "
            f"it has {', '.join(names) or 'nothing'}."
        )


def _row_problems(
    row: dict[Any, Any], person: Person, lines: dict[str, int], line: int, by_hub: bool
) -> Iterable[str]:
    if None in row or None in row.values():
        yield "more or fewer fields than columns"
        return
    if "name" not in person:
        yield "no name"
        return
    yield from problems_of(person, by_hub=by_hub)
    key = person["name"].casefold()
    if key in lines:
        yield f"the name {person['name']!r} stands in line {lines[key]} too"
    lines.setdefault(key, line)


def problems_of(person: Person, *, by_hub: bool = False) -> list[str]:
    """What is wrong with a person's facts, by the service's own rules; no password is repeated."""
    from pydantic import ValidationError

    from kit.service.models.organizer import NewUser, is_chosen

    rules = {
        "name": HUB_NAME if by_hub else OWN_NAME,
        "email": "{!r} is no e-mail address",
        "team": "the team {!r} is not 2 to 40 letters, digits, spaces, or _ . -",
        "password": "the password is shorter than 10 characters",
    }
    keys = {} if by_hub or is_chosen(person["name"]) else {"name": None}
    try:
        NewUser.model_validate(person)
    except ValidationError as error:
        keys |= dict.fromkeys(str(e["loc"][0]) for e in error.errors())
    return [rules.get(key, f"{key} {{!r}} is not accepted").format(person.get(key)) for key in keys]


def _check(person: Person, *, by_hub: bool = False) -> None:
    if problems := problems_of(person, by_hub=by_hub):
        text = "; ".join(problems)
        raise InvalidRequest(f"{text[0].upper()}{text[1:]}.")
