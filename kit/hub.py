"""Set a JupyterHub up for competitions: `configure` in ``jupyterhub_config.py``. Imports no JupyterHub."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kit.credentials import SHARED_DATA
from kit.errors import InvalidRequest, OrganizerError

PORT = 10101
SERVER_SCOPES = ("users:activity!user", "access:servers!server")
"""What JupyterHub's own role ``server`` has."""


_ARGUMENTS = (
    "--ServerApp.jpserver_extensions=kit.hub_dashboards=True",
    # Else every account of the machine can read at a kernel's port what it prints.
    "--MappingKernelManager.transport_encryption=auto",
)


@dataclass(frozen=True)
class Block:
    """What a JupyterHub is told: its service, and the roles, group and variables that go with it."""

    service: dict[str, Any]
    roles: tuple[tuple[str, tuple[str, ...], str], ...]
    """Each a role of the Hub's own, the scopes it has anyway, and the scope to add."""
    group: str
    environment: dict[str, str]
    arguments: tuple[str, ...]
    """Of people's servers: they load the dashboards and encrypt what kernels say."""


def configure(
    c: Any,
    *,
    competitions: Sequence[str | Path],
    data: str | Path,
    organizers: str = "organizers",
    user: str | None = "kit",
    port: int = PORT,
    url: str | None = None,
    shared_data: str | Path | None = None,
    options: Sequence[str] = (),
) -> None:
    """Make competitions a service of this JupyterHub; call it last in ``jupyterhub_config.py``.

    Adds the service ``kit``, its scope to the roles ``user`` and ``server``, the group of organizers, to
    people's servers KIT_URL, so that ``kit.connect()`` there asks nothing, and the dashboards, which each
    visitor runs in their own server: ``/hub/user-redirect/kit/organizer`` and ``…/kit/leaderboard``. The
    service gets no right at the Hub, and an admin of the Hub is no organizer. Called again for the same
    folders, as where a file is loaded twice, what is said last takes the place of what was there.

    Parameters
    ----------
    c : traitlets.config.Config
        The configuration of ``jupyterhub_config.py``.
    competitions : sequence of path
        Their folders, which ``user`` must be able to read, and participants' accounts must not.
    data : path
        The service's own folder; where it is missing it is made, for ``user`` alone.
    organizers : str
        The Hub's group whose members are the organizers.
    user : str, optional
        The system account that the service runs as: nobody's own. None is the Hub's account, for where
        people's servers run on other machines.
    port : int
        Where the service listens, on 127.0.0.1.
    url : str, optional
        The service's address as seen from people's servers, where they run on other machines.
    shared_data : path, optional
        A folder from which all accounts read participants' files in place, instead of downloading them; made
        where it is missing. Who may not see a competition's data cannot find them there.
    options : sequence of str
        More of ``kit serve``, as ``["--workers", "2"]``.

    Raises
    ------
    OrganizerError
        Naming what is missing: the account, a competition, a right of files; or what the Hub has already
        under this name, for other folders.
    """
    bound = c.JupyterHub.get("bind_url")
    base = urlsplit(bound).path if isinstance(bound, str) else str(c.JupyterHub.get("base_url", "/"))
    block = make_block(
        competitions=competitions,
        data=data,
        organizers=organizers,
        user=user,
        port=port,
        url=url,
        base_url=base,
        shared_data=shared_data,
        options=options,
    )
    services = _listed(c.JupyterHub, "services")
    earlier = [each for each in services if each.get("name") == block.service["name"]]
    _check_same(earlier, block.service)
    _prepare(block, user, Path(data))
    services[:] = [*(each for each in services if each not in earlier), block.service]
    roles = _listed(c.JupyterHub, "load_roles")
    for role in block.roles:
        _grant(roles, *role)
    _named(c.JupyterHub, "load_groups").setdefault(block.group, {"users": []})
    environment = _named(c.Spawner, "environment")
    if earlier:
        environment.pop(SHARED_DATA, None)
    environment.update(block.environment)
    arguments = _listed(c.Spawner, "args")
    arguments.extend(each for each in block.arguments if each not in arguments)


def make_block(
    *,
    competitions: Sequence[str | Path],
    data: str | Path,
    organizers: str = "organizers",
    user: str | None = "kit",
    port: int = PORT,
    url: str | None = None,
    base_url: str = "/",
    shared_data: str | Path | None = None,
    options: Sequence[str] = (),
) -> Block:
    """What `configure` adds, looked at by nobody yet."""
    _check_words(competitions, options, base_url, url)
    folders = [str(Path(folder).absolute()) for folder in competitions]
    command = [sys.executable, "-m", "kit", "serve", *folders, "--data", str(Path(data).absolute())]
    command += ["--hub", "--organizers", organizers]
    shared = {} if shared_data is None else {SHARED_DATA: str(Path(shared_data).absolute())}
    for path in shared.values():
        command += ["--shared-data", path]
    command += options
    service: dict[str, Any] = {"name": "kit", "url": f"http://127.0.0.1:{port}", "command": command}
    # Who opens its pages is not asked whether the service may know their name: it is the Hub's own.
    service["oauth_no_confirm"] = True
    if user is not None:
        # A folder that every account may stand in: the Hub's own may be closed to this one.
        service |= {"user": user, "cwd": "/"}
    scope = "access:services!service=kit"
    roles = (("user", ("self",), scope), ("server", SERVER_SCOPES, scope))
    base = base_url.strip("/")
    address = url or f"http://127.0.0.1:{port}{base and '/'}{base}/services/kit"
    return Block(service, roles, organizers, {"KIT_URL": address.rstrip("/")} | shared, _ARGUMENTS)


def _check_words(
    competitions: Sequence[str | Path], options: Sequence[str], base_url: str, url: str | None
) -> None:
    for name, given in (("competitions", competitions), ("options", options)):
        if isinstance(given, str | Path):
            raise InvalidRequest(f"{name} is a list, and {str(given)!r} is none: write {name}=[…].")
    if not competitions:
        raise InvalidRequest("Name at least one competition's folder.")
    if "://" in base_url:
        path = urlsplit(base_url).path or "/"
        raise InvalidRequest(f"The base_url {base_url!r} is a whole address: give its path alone, {path!r}.")
    if url is not None and not url.startswith(("http://", "https://")):
        raise InvalidRequest(
            f"The url {url!r} is no address: write it as https://hub.example.org/services/kit."
        )


def _check_same(earlier: Sequence[Mapping[str, Any]], service: Mapping[str, Any]) -> None:
    """Let a service be told of again, and no other by its name."""
    for other in earlier:
        if (had := _folders(other)) is None or had != _folders(service):
            raise OrganizerError(
                f"This Hub has a service {service['name']!r} already, {_in_words(other)}, and cannot have "
                f"another, {_in_words(service)}. Name all competitions in one call, competitions=[…], or "
                "take one of the services out."
            )


def _folders(service: Mapping[str, Any]) -> tuple[set[str], str] | None:
    """Competitions and data folder of a service of the kit; None of another's."""
    command = service.get("command")
    if not isinstance(command, list) or not {"serve", "--data"} <= set(command[:-1]):
        return None
    at = command.index("--data")
    folders = command[command.index("serve") + 1 : at]
    return {os.path.realpath(each) for each in folders}, os.path.realpath(command[at + 1])


def _in_words(service: Mapping[str, Any]) -> str:
    if (folders := _folders(service)) is None:
        return f"which is not `kit serve` but {service.get('command') or service.get('url')!r}"
    return f"for {', '.join(sorted(folders[0]))} with its data in {folders[1]}"


def as_text(block: Block) -> str:
    """The block spelled out, as lines for ``jupyterhub_config.py``."""
    roles = [{"name": name, "scopes": [*scopes, scope]} for name, scopes, scope in block.roles]
    return "\n".join(
        [
            f"c.JupyterHub.services.append({_python(block.service)})",
            *(f"c.JupyterHub.load_roles.append({_python(role)})" for role in roles),
            f"c.JupyterHub.load_groups.update({{{block.group!r}: {{'users': []}}}})",
            f"c.Spawner.environment.update({block.environment!r})",
            f"c.Spawner.args.extend({list(block.arguments)!r})",
        ]
    )


def _python(value: Mapping[str, Any]) -> str:
    lines = "".join(f"    {key!r}: {item!r},\n" for key, item in value.items())
    return f"{{\n{lines}}}"


def _grant(roles: list[dict[str, Any]], name: str, scopes: Sequence[str], scope: str) -> None:
    """Add a scope to a role; one that the configuration defines itself is kept as it is otherwise."""
    for role in roles:
        if role.get("name") == name:
            if scope not in (had := role.setdefault("scopes", list(scopes))):
                role["scopes"] = [*had, scope]
            return
    roles.append({"name": name, "scopes": [*scopes, scope]})


def _listed(section: Any, name: str) -> list[Any]:
    """A list of the configuration, whether it was set or not."""
    if not isinstance(section.get(name), list):
        lazy = section.get(name)
        section[name] = list(lazy.get_value([])) if hasattr(lazy, "get_value") else []
    found: list[Any] = section[name]
    return found


def _named(section: Any, name: str) -> dict[str, Any]:
    if not isinstance(section.get(name), dict):
        lazy = section.get(name)
        section[name] = dict(lazy.get_value({})) if hasattr(lazy, "get_value") else {}
    found: dict[str, Any] = section[name]
    return found


def _prepare(block: Block, user: str | None, data: Path) -> None:
    """Check what would make the service fail later, and make its folder."""
    from kit.competition import load_competition
    from kit.hub_reach import check_kept, check_readable, check_writable, secrets
    from kit.sharing import make_place

    command = block.service["command"]
    folders = [Path(each) for each in command[4 : command.index("--data")]]
    competitions = [load_competition(folder) for folder in folders]
    if user is None:
        return
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise OrganizerError(
            f"There is no account {user!r} on this machine: useradd --system --create-home {user}"
        ) from None
    if os.geteuid() != 0:
        raise OrganizerError(
            f"The Hub does not run as root, so it cannot start the service as {user!r}. Without an account "
            "of its own participants on this machine could read the truth."
        )
    if account.pw_uid == 0:
        raise OrganizerError(
            f"The service may not run as {user!r}, who can do everything here. Give it an account of "
            "its own: useradd --system --create-home kit"
        )
    for competition in competitions:
        for file in secrets(competition):
            check_kept(file, account)
    check_readable(competitions, account)
    if not data.exists():
        data.mkdir(mode=0o700, parents=True)
        os.chown(data, account.pw_uid, account.pw_gid)
    check_kept(data, account)
    check_writable(data, account)
    if (shared := block.environment.get(SHARED_DATA)) is not None:
        make_place(Path(shared), account.pw_uid)
