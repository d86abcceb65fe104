"""The command that prints what a JupyterHub's configuration needs for competitions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kit.cli.screen import print_json, tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="hub-config", rich_help_panel="Organizing")(hub_config)


def hub_config(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Competitions' folders.")],
    data: Annotated[Path, typer.Option(help="Folder of the service.")] = Path("/srv/kit"),
    organizers: Annotated[
        str, typer.Option(help="The Hub's group whose members are the organizers.")
    ] = "organizers",
    user: Annotated[str, typer.Option(help="System account that the service runs as.")] = "kit",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the service, on 127.0.0.1.")] = 10101,
    base_url: Annotated[str, typer.Option(help="The Hub's own base_url.")] = "/",
    url: Annotated[
        str | None,
        typer.Option(help="The service as people's servers see it, where they run on other machines."),
    ] = None,
    shared_data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder where all accounts read data instead of downloading them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Print the lines that make competitions a service of a JupyterHub, for jupyterhub_config.py."""
    from kit.hub import as_text, make_block

    for directory in directories:
        # A mistake should be told here, not by a Hub that does not start.
        _check(directory)
    block = make_block(
        competitions=directories,
        data=data,
        organizers=organizers,
        user=user,
        port=port,
        url=url,
        base_url=base_url,
        shared_data=shared_data,
    )
    if as_json:
        print_json({"config": as_text(block), "url": block.environment["KIT_URL"]})
        return
    print(as_text(block))
    folders = " ".join(str(directory.absolute()) for directory in directories)
    tell(f"Once, as root: useradd --system --create-home {user}")
    tell(f"  chown -R {user}: {folders} && chmod -R go-rwx {folders}")
    tell(f"  install -d -m 700 -o {user} -g {user} {data.absolute()}")
    if shared_data is not None:
        tell(f"  install -d -m 711 -o {user} -g {user} {shared_data.absolute()}")


def _check(directory: Path) -> None:
    from kit.competition import load_competition

    load_competition(directory)
