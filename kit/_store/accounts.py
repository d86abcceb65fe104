"""Users, their tokens and teams in the store. Secrets arrive hashed; none is ever read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlite_utils import Database

from kit._store.database import Connections, Row, bump
from kit.clock import to_text
from kit.errors import AlreadyExists, NotAllowed, NotFound

SEEN = timedelta(hours=1)
"""How often it is written down that a JupyterHub's user is here."""


class Accounts:
    """Users, tokens, teams and who accepted which rules."""

    def __init__(self, connections: Connections) -> None:
        self._c = connections

    def add_user(
        self,
        name: str,
        *,
        password_hash: str | None,
        now: datetime,
        email: str | None = None,
        role: str = "participant",
    ) -> Row:
        """Add a user; names that differ only in case are one.

        Raises
        ------
        AlreadyExists
        """
        with self._c.write() as db:
            if self._c.row("select 1 from user where name_key = ?", [name.casefold()]):
                raise AlreadyExists(f"The name {name!r} is taken: log in, or choose another.")
            row = {"name": name, "name_key": name.casefold(), "email": email, "password_hash": password_hash}
            db.table("user").insert({**row, "role": role, "created_at": to_text(now)})
        return self.user(name)

    def user(self, name: str) -> Row:
        """A user's row.

        Raises
        ------
        NotFound
        """
        row = self._c.row("select * from user where name_key = ?", [name.casefold()])
        if row is None:
            raise NotFound(f"There is no user {name!r}.")
        return row

    def known_hub_user(self, name: str, role: str, *, now: datetime) -> Row | None:
        """The user of a JupyterHub's name, where nothing has to be written of them; only reads."""
        found = self._c.row("select * from user where name_key = ?", [name.casefold()])
        if found is None or (found["by_hub"], found["role"], found["name"]) != (1, role, name):
            return None
        return found if (found["last_seen_at"] or "") >= to_text(now - SEEN) else None

    def hub_user(self, name: str, role: str, *, now: datetime) -> Row:
        """The user of a JupyterHub's name, made at the first call, with the role the Hub's groups give.

        An account of that name which was there becomes the Hub's: its password and tokens end.

        Raises
        ------
        NotAllowed
            Names that differ only in case are one here, and cannot be two people. But where an organizer put
            Ada into a team before she came, it is ada: Hubs write names in small letters.
        """
        if (known := self.known_hub_user(name, role, now=now)) is not None:
            return known
        with self._c.write() as db:
            row = {"name": name, "name_key": name.casefold(), "role": role, "created_at": to_text(now)}
            db.table("user").insert({**row, "by_hub": 1}, ignore=True)
            found = self.user(name)
            if found["name"] != name and not _awaits(found, name):
                raise NotAllowed(
                    f"The names {name!r} and {found['name']!r} differ only in case, and the second one "
                    "takes part already: ask the organizers."
                )
            facts = {
                "name": name,
                "by_hub": 1,
                "role": role,
                "password_hash": None,
                "last_seen_at": to_text(now),
            }
            db.table("user").update(found["id"], facts)
            if not found["by_hub"]:
                self._revoke(db, "user_id", found["id"], now)
        return self.user(name)

    def users(
        self, competition: str | None = None, *, limit: int | None = None, offset: int = 0
    ) -> list[Row]:
        """All users, or those of a competition, with their team there and number of submissions."""
        return self._c.rows(
            """
            select u.id, u.name, u.email, u.role, u.created_at, u.last_seen_at, u.is_disabled,
                   group_concat(distinct t.name) as team,
                   (select count(*) from submission s where s.user_id = u.id
                      and (:c is null or s.competition = :c)) as n_submissions
            from user u left join member m on m.user_id = u.id and (:c is null or m.competition = :c)
            left join team t on t.id = m.team_id
            where :c is null or m.user_id is not null or u.role = 'organizer'
            group by u.id order by u.name_key limit coalesce(:limit, -1) offset :offset
            """,
            {"c": competition, "limit": limit, "offset": offset},
        )

    def set_password(self, name: str, password_hash: str, *, now: datetime) -> None:
        """Set a user's password and revoke every token made under the old one."""
        user = self.user(name)
        with self._c.write() as db:
            db.table("user").update(user["id"], {"password_hash": password_hash})
            self._revoke(db, "user_id", user["id"], now)

    def set_role(self, name: str, role: str) -> None:
        """Make a user participant or organizer."""
        user = self.user(name)
        with self._c.write() as db:
            db.table("user").update(user["id"], {"role": role})

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Keep a user out, or let them in again."""
        user = self.user(name)
        with self._c.write() as db:
            db.table("user").update(user["id"], {"is_disabled": int(disabled)})

    def add_token(
        self,
        user_id: int,
        token_hash: str,
        *,
        label: str,
        scopes: Sequence[str],
        now: datetime,
        expires_at: datetime,
    ) -> int:
        """Keep a token's hash; returns its id."""
        with self._c.write() as db:
            row = {"user_id": user_id, "hash": token_hash, "label": label, "scopes": json.dumps(list(scopes))}
            times = {"created_at": to_text(now), "expires_at": to_text(expires_at)}
            table = db.table("token").insert({**row, **times})
            db.table("user").update(user_id, {"last_seen_at": to_text(now)})
            return int(table.last_pk)  # type: ignore[arg-type]

    def token(self, token_hash: str, *, now: datetime) -> Row | None:
        """A valid token with its user, or None: unknown, revoked, expired, or the user kept out."""
        return self._c.row(
            """
            select t.id as token_id, t.scopes, t.expires_at, u.* from token t join user u on u.id = t.user_id
            where t.hash = ? and t.revoked_at is null and t.expires_at > ? and not u.is_disabled
            """,
            [token_hash, to_text(now)],
        )

    def tokens(self, user_id: int) -> list[Row]:
        """A user's tokens, without their hashes."""
        columns = "id, label, scopes, created_at, expires_at, revoked_at"
        rows = self._c.rows(f"select {columns} from token where user_id = ? order by id", [user_id])
        return [{**row, "scopes": json.loads(row["scopes"])} for row in rows]

    def revoke_token(self, user_id: int, token_id: int, *, now: datetime) -> None:
        """Revoke one of a user's own tokens.

        Raises
        ------
        NotFound
        """
        if not self._c.row("select 1 from token where id = ? and user_id = ?", [token_id, user_id]):
            raise NotFound(f"You have no token {token_id}.")
        with self._c.write() as db:
            self._revoke(db, "id", token_id, now)

    @staticmethod
    def _revoke(db: object, column: str, value: int, now: datetime) -> None:
        sql = f"update token set revoked_at = ? where {column} = ? and revoked_at is null"
        db.conn.execute(sql, (to_text(now), value))  # type: ignore[attr-defined]

    def team_of(self, competition: str, user_id: int) -> Row | None:
        """A user's team in a competition, with its members' names, or None."""
        team = self._c.row(
            "select t.* from team t join member m on m.team_id = t.id "
            "where m.competition = ? and m.user_id = ?",
            [competition, user_id],
        )
        return None if team is None else {**team, "members": self._members(team["id"])}

    def team_id_of(self, competition: str, user_id: int) -> int | None:
        """Id of a user's team in a competition, or None."""
        sql = "select team_id from member where competition = ? and user_id = ?"
        row = self._c.row(sql, [competition, user_id])
        return None if row is None else int(row["team_id"])

    def teams(self, competition: str, *, limit: int | None = None, offset: int = 0) -> list[Row]:
        """All teams of participants in a competition."""
        rows = self._c.rows(
            "select t.id, t.name, t.created_at, "
            "(select count(*) from submission s where s.team_id = t.id) as n_submissions, "
            "(select json_group_array(name) from (select u.name from member m join user u "
            "on u.id = m.user_id where m.team_id = t.id order by 1)) as members "
            "from team t where t.competition = ? and not t.is_baseline order by t.name_key "
            "limit coalesce(?, -1) offset ?",
            [competition, limit, offset],
        )
        return [{**row, "members": json.loads(row["members"])} for row in rows]

    def members(self, competition: str, teams: Sequence[str]) -> dict[str, list[str]]:
        """Names of some teams' members."""
        rows = self._c.rows(
            "select t.name as team, u.name from team t cross join member m on m.team_id = t.id "
            "cross join user u on u.id = m.user_id where t.competition = ? and not t.is_baseline "
            "and t.name_key in (select value from json_each(?)) order by 1, 2",
            [competition, json.dumps([team.casefold() for team in teams])],
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["team"], []).append(row["name"])
        return found

    def team_named(self, competition: str, name: str) -> int | None:
        """Id of a participants' team by its name, in any case; None where there is none."""
        row = self._c.row(
            "select id from team where competition = ? and name_key = ? and not is_baseline",
            [competition, name.casefold()],
        )
        return None if row is None else int(row["id"])

    def _members(self, team_id: int) -> list[str]:
        sql = "select u.name from member m join user u on u.id = m.user_id where m.team_id = ? order by 1"
        return [row["name"] for row in self._c.rows(sql, [team_id])]

    def join(
        self,
        competition: str,
        user: Row,
        *,
        now: datetime,
        team: str | None = None,
        max_size: int | None = 1,
        by_group: bool = False,
    ) -> Row:
        """The user's team in a competition; one of their own name is made at the first call.

        Parameters
        ----------
        max_size : int, optional
            Members of the team named; None where whoever decides on it is not bound.
        by_group : bool
            The team is that of a JupyterHub's group. One of this name that somebody made without being in the
            group is another, and this one gets a number.

        Raises
        ------
        NotAllowed
            The team named is full.
        """
        found = self.team_of(competition, user["id"])
        if found is not None:
            return found
        with self._c.write() as db:
            if (found := self.team_of(competition, user["id"])) is not None:
                return found
            if team is not None and by_group:
                team_id = self._find_or_add_group(db, competition, team, now)
            else:
                team_id = self._find_or_add_team(db, competition, team or user["name"], team is not None, now)
            n_members = len(self._members(team_id))
            if max_size is not None and n_members >= max_size:
                raise NotAllowed(f"Team {team!r} has {n_members} members, and teams may have {max_size}.")
            row = {"competition": competition, "user_id": user["id"], "team_id": team_id}
            db.table("member").insert({**row, "joined_at": to_text(now)}, ignore=True)
            bump(db, f"people/{competition}")
        joined = self.team_of(competition, user["id"])
        assert joined is not None
        return joined

    def _find_or_add_group(self, db: Database, competition: str, name: str, now: datetime) -> int:
        sql = "select id from team where competition = ? and group_key = ?"
        if (found := self._c.row(sql, [competition, name.casefold()])) is not None:
            return int(found["id"])
        team_id = self._find_or_add_team(db, competition, name, False, now)
        db.table("team").update(team_id, {"group_key": name.casefold()})
        return team_id

    def _find_or_add_team(
        self, db: Database, competition: str, name: str, shared: bool, now: datetime
    ) -> int:
        sql = "select id from team where competition = ? and name_key = ?"
        key = name.casefold()
        n = 1
        while (found := self._c.row(sql, [competition, key])) is not None:
            if shared:
                return int(found["id"])
            n += 1
            key = f"{name.casefold()}-{n}"
        shown = name if n == 1 else f"{name}-{n}"
        row = {"competition": competition, "name": shown, "name_key": key, "created_at": to_text(now)}
        return int(db.table("team").insert(row).last_pk)  # type: ignore[arg-type]

    def accept_rules(self, competition: str, user_id: int, rules_hash: str, *, now: datetime) -> None:
        """Record that a user accepted this wording of the rules."""
        row = {"competition": competition, "user_id": user_id, "rules_hash": rules_hash}
        with self._c.write() as db:
            db.table("rules_acceptance").insert({**row, "accepted_at": to_text(now)}, ignore=True)

    def has_accepted(self, competition: str, user_id: int, rules_hash: str) -> bool:
        """Whether a user accepted this wording of the rules."""
        sql = "select 1 from rules_acceptance where competition = ? and user_id = ? and rules_hash = ?"
        return self._c.row(sql, [competition, user_id, rules_hash]) is not None


def _awaits(user: Row, name: str) -> bool:
    """Whether an account that nobody could use yet was made for the one whom a JupyterHub names so."""
    is_unused = not user["by_hub"] and user["password_hash"] is None and user["last_seen_at"] is None
    return is_unused and user["name"].lower() == name
