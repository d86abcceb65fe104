"""The demo's accounts, made on its first run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from kit.demo._folder import Folder

ORGANIZER = "organizer"
PARTICIPANT = "ada"


def make_accounts(demo: Folder) -> dict[str, str]:
    """Make the accounts that an earlier run did not make; returns their passwords."""
    made = list(demo.state.get("accounts", ()))
    missing = [name for name in (ORGANIZER, PARTICIPANT) if name not in made]
    if not missing:
        return {}
    from kit.cli.accounts import StoreAccounts
    from kit.store import Store

    passwords = {}
    with closing(Store(demo.store)) as store:
        accounts = StoreAccounts(store)
        for name in missing:
            password = accounts.add({"name": name}, organizer=name == ORGANIZER)
            assert password is not None
            passwords[name] = password
            demo.remember(accounts=[*made, *passwords])
    return passwords


@contextmanager
def organizer_token(demo: Folder) -> Iterator[str]:
    """A token for the reference notebooks, which is of no use afterwards."""
    from kit.clock import utc_now
    from kit.service.auth import Scope, new_token
    from kit.store import Store

    with closing(Store(demo.store)) as store:
        user = store.accounts.user(ORGANIZER)
        label = "demo: reference notebooks"
        token = new_token(store, user, now=utc_now(), scopes=list(Scope), label=label, days=0.25)
        try:
            yield token.text
        finally:
            for row in store.accounts.tokens(user["id"]):
                if row["label"] == label and row["revoked_at"] is None:
                    store.accounts.revoke_token(user["id"], row["id"], now=utc_now())
