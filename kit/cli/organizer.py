"""Organizers' commands around a running service: serve, demo, dashboard, backup, restore."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kit.cli.screen import print_json, tell
from kit.errors import OrganizerError

PANEL = "Organizing"
DATA = Path("kit-data")
DataDir = Annotated[
    Path, typer.Option("--data", envvar="KIT_DATA", metavar="DATA_DIR", help="The service's own folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every one.")]


def register(app: typer.Typer) -> None:
    """Add the commands, those of the modules beside this one too."""
    from kit.cli import organizer_offline, people, probing, results, similar

    organizer_offline.register(app)
    for command in (serve, demo, dashboard, backup, restore):
        app.command(rich_help_panel=PANEL)(command)
    results.register(app)
    people.register(app)
    probing.register(app)
    similar.register(app)


def serve(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Competitions' folders.")],
    data: DataDir = DATA,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Predictions judged at a time.")] = 1,
    code_workers: Annotated[
        int, typer.Option(min=1, help="Code judged at a time; its folds share the processors.")
    ] = 1,
    hub: Annotated[
        bool, typer.Option("--hub", help="A JupyterHub started this as its service, and says who people are.")
    ] = False,
    organizers: Annotated[
        str, typer.Option(help="With --hub: the Hub's group whose members are the organizers.")
    ] = "organizers",
    shared_data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder where accounts of this machine read data in place."),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(metavar="PATH", help="Where a proxy shows the service, as /kit; by default its root."),
    ] = "",
) -> None:
    """Serve competitions until Ctrl-C."""
    import logging

    from kit.cli import serving

    settings = serving.hub_settings(organizers) if hub else None
    if settings is None:
        serving.check_port(host, port, "kit serve")
    else:
        # Taken it may be by a service that outlived its Hub, whose place this one takes.
        host, port = serving.hub_address(host, port)
    # Loaded before the service is: it takes a second, and a mistake should be told without delay.
    competitions = serving.load(directories)
    prefix = serving.path_of(prefix, [c.slug for c in competitions])
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with _until_stopped():
        tell(f"Starting on {', '.join(c.slug for c in competitions)}; the data are in {data}.")
        if settings is None:
            serving.announce_when_up(competitions, data, host, port, prefix)
        from kit.serve import serve as run

        run(
            directories,
            data,
            host=host,
            port=port,
            workers=workers,
            code_workers=code_workers,
            hub=settings,
            shared_data=shared_data,
            prefix=prefix,
        )


def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Where everything of the demo is kept.")] = Path(
        "kit-demo"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the service.")] = 8000,
    lab_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of JupyterLab.")] = 8888,
    dashboard_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboard.")] = 8866,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: remove an earlier demo.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Run everything on this machine: sample competitions, service, JupyterLab, dashboard."""
    from kit.demo import Ports, run

    with _until_stopped():
        run(directory, Ports(port, lab_port, dashboard_port), fresh=fresh, browser=not no_browser)


def dashboard(
    url: Annotated[
        str | None, typer.Option(help="Address of the service; by default KIT_URL or that of the last login.")
    ] = None,
    port: Port = 8866,
    host: Host = "127.0.0.1",
    prefix: Annotated[
        str,
        typer.Option(metavar="PATH", help="Where a proxy shows it, as /dashboard; by default its root."),
    ] = "",
) -> None:
    """Run the organizers' dashboard until Ctrl-C; whoever opens it logs in there."""
    from kit import credentials
    from kit.cli import serving
    from kit.cli.voila import command, environment
    from kit.errors import InvalidRequest

    known = credentials.current()
    if url is None and known is None:
        raise InvalidRequest("Say which service: kit dashboard --url http://127.0.0.1:8000")
    serving.check_port(host, port, "kit dashboard")
    service, path = url or (known.url if known else ""), serving.path_of(prefix)
    with _until_stopped():
        program = command(host, port, prefix=path)
        process = subprocess.Popen(program, env=environment(service), start_new_session=True)
        try:
            address = f"http://{serving.reachable(host)}:{port}{path}/"
            # An address that does not exist: the dashboard's own would start a kernel.
            serving.wait_for(f"{address}are-you-there", lambda: _check_alive(process), "The dashboard")
            print(f"Dashboard of {service}: {address}", flush=True)
            tell("Ctrl-C stops it.")
            process.wait()
            _check_alive(process)
        finally:
            _end_group(process)


def backup(
    file: Annotated[Path, typer.Argument(help="The new file: .tar, or .tar.gz for a smaller one.")],
    data: DataDir = DATA,
    as_json: AsJson = False,
) -> None:
    """Write all that a service keeps into one file, also while it runs."""
    import contextlib

    from kit._store.backup import write_backup
    from kit.cli.people import existing_store

    with contextlib.closing(existing_store(data)) as store, _bytes_bar(f"Writing {file.name}") as on_bytes:
        n_bytes = write_backup(store, file, on_bytes=on_bytes)
    if as_json:
        print_json({"file": str(file), "bytes": n_bytes})
    else:
        print(file)
    tell(
        "It holds accounts, submissions and scores, so keep it private. Competitions' folders are not in it."
    )


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Written by kit backup.")],
    data: DataDir = DATA,
) -> None:
    """Make the data folder of a service from a backup; overwrites nothing."""
    from kit._store.backup import restore_backup

    with _bytes_bar(f"Reading {file.name}") as on_bytes:
        restore_backup(file, data, on_bytes=on_bytes)
    print(data)
    tell(f"To go on from there: kit serve DIR... --data {data}")


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that what was started is stopped; either is a good end."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        tell("Stopped.")
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_alive(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise OrganizerError(f"The dashboard ended with code {process.returncode}.")


@contextmanager
def _bytes_bar(title: str) -> Iterator[Callable[[int, int], object]]:
    from tqdm import tqdm

    with tqdm(desc=title, unit="B", unit_scale=True, delay=1.0, disable=None) as bar:

        def on_bytes(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_bytes


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for end in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, end)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
        return
