"""Self-hosted machine-learning competitions inside Jupyter: ``comp = kit.connect("http://…/slug")``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit.client import Client, CompetitionClient, Submission, connect
    from kit.errors import (
        AlreadyExists,
        InvalidPredictions,
        InvalidRequest,
        KitError,
        NotAllowed,
        NotFound,
        NotLoggedIn,
        ParticipantError,
        ServiceError,
    )

__version__ = "0.1.0"

__all__ = [
    "AlreadyExists",
    "Client",
    "CompetitionClient",
    "InvalidPredictions",
    "InvalidRequest",
    "KitError",
    "NotAllowed",
    "NotFound",
    "NotLoggedIn",
    "ParticipantError",
    "ServiceError",
    "Submission",
    "connect",
]

_OF_CLIENT = frozenset({"Client", "CompetitionClient", "Submission", "connect"})


def __getattr__(name: str) -> Any:
    # The server and the command line import kit too, and need no client.
    if name not in __all__:
        raise AttributeError(f"module 'kit' has no attribute {name!r}")
    return getattr(importlib.import_module("kit.client" if name in _OF_CLIENT else "kit.errors"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def load_ipython_extension(shell: Any) -> None:
    """Add the magics: ``%load_ext kit``, then ``%%submit`` and ``%leaderboard [QUESTION]``."""
    from kit.client.magics import leaderboard
    from kit.client.submitting import submit

    shell.register_magic_function(leaderboard, "line", "leaderboard")
    shell.register_magic_function(submit, "cell", "submit")
