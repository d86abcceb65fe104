"""Who is logged in where: a private file, KIT_URL and KIT_TOKEN. Never speaks HTTP."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Credentials:
    """A token for one service."""

    url: str
    token: str
    name: str
    expires_at: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.name!r} at {self.url})"


@dataclass(frozen=True)
class Current:
    """The service, and maybe the competition, that commands mean when they name none."""

    url: str
    competition: str | None = None


SHARED_DATA = "KIT_SHARED_DATA"
"""The folder in which accounts of this machine read competitions' data in place."""
OWN_DASHBOARD = "KIT_OWN_DASHBOARD"
"""Set to 1 where Voila runs in a person's own server on a JupyterHub, which lets nobody else in."""


def inside_voila() -> bool:
    """Whether this kernel belongs to a Voila dashboard.

    Whoever opens a dashboard's address runs in its owner's account, so nothing the owner saved may be used.
    """
    # Voila's pre-heated kernels are started before the visit and know no SERVER_SOFTWARE.
    return os.environ.get("SERVER_SOFTWARE", "").lower().startswith("voila") or any(
        name in os.environ for name in ("VOILA_PREHEAT", "VOILA_BASE_URL", "VOILA_REQUEST_URL")
    )


def credentials_path() -> Path:
    """Where the file is, present or not."""
    home = os.environ.get("XDG_CONFIG_HOME")
    if not home:
        from platformdirs import user_config_dir

        home = user_config_dir()
    return Path(home) / "kit" / "credentials.json"


def current() -> Current | None:
    """The service from KIT_URL, else that of the last login; None inside Voila unless KIT_URL is set."""
    if url := os.environ.get("KIT_URL"):
        return Current(url.rstrip("/"))
    if inside_voila():
        return None
    saved = _read()["current"]
    return Current(saved["url"], saved.get("competition")) if saved else None


def token_for(url: str) -> str | None:
    """The token to use at a service: KIT_TOKEN, else the JupyterHub's, else the saved one.

    Where KIT_URL is set, KIT_TOKEN goes to that service alone: another must not learn it. So does the token
    that a JupyterHub gave to this person's server, and without KIT_URL to nobody. None inside Voila, but in
    a dashboard that a person's own server on the Hub runs for that person.
    """
    home, hub = os.environ.get("KIT_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
    at_home = home is not None and _same_service(home, url)
    if inside_voila():
        return hub if at_home and os.environ.get(OWN_DASHBOARD) == "1" else None
    token = os.environ.get("KIT_TOKEN")
    if token and (not home or at_home):
        return token
    # Services of a Hub have such a token too, and JUPYTERHUB_USER only people's servers have.
    if hub and at_home and os.environ.get("JUPYTERHUB_USER"):
        return hub
    saved = saved_credentials(url)
    return saved.token if saved else None


def saved_credentials(url: str) -> Credentials | None:
    """The last login at a service, unless it was forgotten; None inside Voila."""
    if inside_voila():
        return None
    entry = _read()["services"].get(url.rstrip("/"))
    return Credentials(url.rstrip("/"), **entry) if entry else None


def save(credentials: Credentials, *, competition: str | None = None) -> Path:
    """Keep a login in the person's own file (mode 0600) and make it the current one."""
    kept = _read()
    entry = asdict(credentials)
    url = entry.pop("url").rstrip("/")
    kept["services"][url] = entry
    kept["current"] = {"url": url, "competition": competition}
    return _write(kept)


def forget(url: str) -> bool:
    """Remove the login at a service, which stays the current one; whether there was one."""
    kept = _read()
    url = url.rstrip("/")
    known = kept["services"].pop(url, None) is not None
    if known:
        _write(kept)
    return known


def _same_service(home: str, url: str) -> bool:
    # KIT_URL may end in a competition's slug.
    home, url = home.rstrip("/"), url.rstrip("/")
    return home == url or home.rpartition("/")[0] == url


def _read() -> dict[str, Any]:
    try:
        kept = json.loads(credentials_path().read_text("utf-8"))
        return {"services": dict(kept["services"]), "current": kept["current"]}
    except (OSError, ValueError, KeyError, TypeError):
        # A damaged file costs one more login, not every command.
        return {"services": {}, "current": None}


def _write(kept: dict[str, Any]) -> Path:
    path = credentials_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path
