"""Who may take part in a competition, from when, and in which team. Speaks no HTTP."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime

from kit.competition import Access
from kit.errors import AlreadyExists, NotAllowed, NotLoggedIn
from kit.limits import Allowance, admit, allowance, open_phase
from kit.service.auth import ONLOOKER, Caller
from kit.service.hosted import Hosted, HostedQuestion
from kit.store import Row, Store


def check_sign_up(hosted: Iterable[Hosted], email: str | None, invite: str | None) -> list[Hosted]:
    """Let a new account be made where some competition would take it; returns those the invite is for.

    Raises
    ------
    NotAllowed
        Of each competition, why not.
    """
    invited, is_open, reasons = [], False, []
    for one in hosted:
        access = one.competition.access
        if invite is not None and _is_right(invite, access.invite_code):
            invited.append(one)
        elif access.by_hub:
            reasons.append(f"'{one.slug}' takes those that its JupyterHub knows, and no other accounts.")
            continue
        elif access.signup == "invite":
            reasons.append(f"'{one.slug}' takes invited participants only, and this is not its invite code.")
            continue
        if problem := _email_problem(access, email):
            reasons.append(f"'{one.slug}': {problem}")
            continue
        is_open = True
    if not is_open:
        raise NotAllowed("\n".join(["No competition here takes this account.", *reasons]))
    return [one for one in invited if _email_problem(one.competition.access, email) is None]


def join(
    store: Store,
    hosted: Hosted,
    caller: Caller,
    *,
    now: datetime,
    invite: str | None = None,
    team: str | None = None,
) -> Row:
    """The caller's team in a competition, made at the first call if they may enter.

    Raises
    ------
    NotAllowed
        An invite is needed, the e-mail address does not fit, or none of the caller's groups at the
        JupyterHub may take part.
    AlreadyExists
        There is a team of that name: into another's team only organizers put anyone.
    """
    _check_groups(hosted, caller)
    if (found := store.accounts.team_of(hosted.slug, caller.user_id)) is not None:
        return found
    _check_access(hosted, caller, invite)
    if (given := _team_of_groups(hosted, caller)) is not None:
        # Whoever makes the Hub's groups decides on the teams' sizes: the limit binds participants.
        return store.accounts.join(
            hosted.slug, caller.user, now=now, team=given, max_size=None, by_group=True
        )
    try:
        return store.accounts.join(hosted.slug, caller.user, now=now, team=team)
    except NotAllowed:
        raise AlreadyExists(
            f"There is a team {team!r}: choose another name, or ask an organizer to put you into it."
        ) from None


def check_entry(store: Store, hosted: Hosted, caller: Caller, *, now: datetime) -> None:
    """Let pass who may see a competition's data and leaderboards: from its opening, whoever may join.

    Raises
    ------
    NotAllowed
    """
    if caller.is_organizer:
        return
    if caller is not ONLOOKER:
        _check_groups(hosted, caller)
    if now < hosted.competition.opens_at:
        # No phase is open yet, and this tells when.
        open_phase(hosted.competition, now)
    if caller is ONLOOKER:
        _check_open_to_onlookers(hosted)
        return
    if store.accounts.team_of(hosted.slug, caller.user_id) is None:
        _check_access(hosted, caller, None)


def check_submission(
    store: Store, hosted: Hosted, question: HostedQuestion, caller: Caller, *, now: datetime
) -> Row:
    """The caller's team, where it may submit now; the store decides again when the file is there.

    Raises
    ------
    NotAllowed, OverLimit
    """
    phase = open_phase(hosted.competition, now)
    team = join(store, hosted, caller, now=now)
    if not has_accepted_rules(store, hosted, caller):
        raise NotAllowed(f"Accept the rules of '{hosted.slug}' first.")
    usage = store.submissions.usage(hosted.competition, question.question, phase, team["id"], now)
    admit(hosted.competition, phase, usage, now)
    return team


def has_accepted_rules(store: Store, hosted: Hosted, caller: Caller) -> bool:
    """Whether the caller accepted the rules as they read now, where there are any."""
    return hosted.rules_hash is None or store.accounts.has_accepted(
        hosted.slug, caller.user_id, hosted.rules_hash
    )


def left_of(
    store: Store, hosted: Hosted, question: HostedQuestion, team: Row, *, now: datetime
) -> Allowance | None:
    """What is left of a team's limits; None where no phase is open."""
    competition = hosted.competition
    if (phase := competition.phase_at(now)) is None:
        return None
    usage = store.submissions.usage(competition, question.question, phase, team["id"], now)
    return allowance(competition, phase, usage, now)


def _check_access(hosted: Hosted, caller: Caller, invite: str | None) -> None:
    access = hosted.competition.access
    if caller.user["role"] == "organizer":
        return
    if access.signup == "invite" and not _is_right(invite, access.invite_code):
        raise NotAllowed(f"'{hosted.slug}' takes invited participants only: join it with its invite code.")
    if problem := _email_problem(access, caller.user["email"]):
        raise NotAllowed(f"'{hosted.slug}': {problem}")


def _check_groups(hosted: Hosted, caller: Caller) -> None:
    """Groups count at every request: who left them is out, team or not."""
    wanted = hosted.competition.access.hub_groups
    if not wanted or caller.user["role"] == "organizer" or caller.groups & set(wanted):
        return
    names = ", ".join(repr(name) for name in wanted)
    raise NotAllowed(
        f"'{hosted.slug}' takes members of the JupyterHub's groups {names}, and you are in none of them: "
        "ask the organizers."
    )


def _check_open_to_onlookers(hosted: Hosted) -> None:
    if not hosted.competition.access.is_open_to_onlookers:
        raise NotLoggedIn(f"The leaderboards of '{hosted.slug}' are for those who are logged in.")


def _team_of_groups(hosted: Hosted, caller: Caller) -> str | None:
    prefix = hosted.competition.access.team_groups
    if prefix is None:
        return None
    teams = sorted(group.removeprefix(prefix) for group in caller.groups if group.startswith(prefix))
    teams = [team for team in teams if team]
    if len(teams) > 1:
        raise NotAllowed(
            f"At the JupyterHub you are in the groups of {len(teams)} teams, {', '.join(teams)}: "
            "ask the organizers to leave you in one."
        )
    return teams[0] if teams else None


def _is_right(invite: str | None, code: str | None) -> bool:
    return code is not None and invite is not None and hmac.compare_digest(invite.encode(), code.encode())


def _email_problem(access: Access, email: str | None) -> str | None:
    """Why an e-mail address does not fit; an entry that begins with @ takes every address under it."""
    if not access.emails:
        return None
    given = (email or "").casefold()
    for entry in access.emails:
        wanted = entry.casefold()
        if given == wanted or (wanted.startswith("@") and given.endswith(wanted)):
            return None
    return "your account's e-mail address is not one of those that may take part."
