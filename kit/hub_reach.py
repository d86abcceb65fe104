"""What the service's account can reach, and participants' accounts cannot; looked at by root, for kit.hub."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kit.competition import Competition, version_files
from kit.errors import OrganizerError


def secrets(competition: Competition) -> Iterator[Path]:
    """Files of a competition that participants never get."""
    for question in competition.question:
        yield competition.directory / question.truth
        if question.code and question.code.test and question.code.hides_inputs(question.data):
            yield competition.directory / question.code.test


def check_kept(path: Path, account: pwd.struct_passwd) -> None:
    """Raise where participants' accounts could read a path."""
    facts = path.stat()
    if facts.st_uid not in (0, account.pw_uid):
        raise OrganizerError(f"{path} belongs to another account: chown -R {account.pw_name}: {path.parent}")
    ways = (folder.stat() for folder in path.parents)
    if _is_open(facts, 0o007, 0o070, account) and all(_is_open(way, 0o001, 0o010, account) for way in ways):
        raise OrganizerError(
            f"{path} can be read by other accounts of this machine: chmod -R go-rwx {path.parent}"
        )


def _is_open(facts: os.stat_result, others: int, group: int, account: pwd.struct_passwd) -> bool:
    is_own_group = facts.st_gid in (0, account.pw_gid)
    return bool(facts.st_mode & (others if is_own_group else others | group))


def check_readable(competitions: Sequence[Competition], account: pwd.struct_passwd) -> None:
    """Raise where the account cannot read what it judges by: the Hub would end with its service."""
    for competition in competitions:
        folder = competition.directory
        paths = [each for q in competition.question for each in (*version_files(competition, q), *q.data)]
        with _acting_as(account):
            for path in ("competition.toml", *paths):
                if not os.access(folder / path, os.R_OK, effective_ids=True):
                    raise OrganizerError(
                        f"The account {account.pw_name!r} cannot read {folder / path}: "
                        f"chown -R {account.pw_name}: {folder}, and let it enter the folders above."
                    )


def check_writable(data: Path, account: pwd.struct_passwd) -> None:
    """Raise where the account cannot write to the service's folder."""
    with _acting_as(account):
        is_writable = os.access(data, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)
    if not (is_writable and data.is_dir()):
        raise OrganizerError(
            f"{data} is no folder that the account {account.pw_name!r} can write to: name another one, or "
            f"chown -R {account.pw_name}: {data}"
        )


@contextmanager
def _acting_as(account: pwd.struct_passwd) -> Iterator[None]:
    """What files allow is asked as the account; root may read and write them all."""
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    os.setgroups(os.getgrouplist(account.pw_name, account.pw_gid))
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)
