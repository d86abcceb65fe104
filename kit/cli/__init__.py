"""The program ``kit``. Commands live in the modules beside this one; here errors become exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from kit import __version__
from kit.errors import KitError, NotLoggedIn

app = typer.Typer(
    name="kit",
    help="Machine-learning competitions inside Jupyter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"kit {__version__}")
        raise typer.Exit


@app.callback()
def _of_all(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print it and exit.")
    ] = False,
) -> None: ...


COMMAND_MODULES = tuple(
    f"kit.cli.{name}" for name in ("participant", "boards", "organizer", "testing", "hub")
)
"""Each has ``register(app)``, which adds its commands."""


def main(args: list[str] | None = None) -> None:
    """Run the program: exit code 0 is success, 1 an error of the kit, 2 wrong usage, 130 Ctrl-C."""
    try:
        build()(args, prog_name="kit")
    except NotLoggedIn as error:
        _complain(f"{error}{_way_in(str(error))}")
        sys.exit(1)
    except (KitError, TimeoutError) as error:
        _complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def build() -> typer.Typer:
    """The program with all its commands."""
    if not app.registered_commands:
        for name in COMMAND_MODULES:
            if find_spec(name) is not None:
                import_module(name).register(app)
    return app


def _way_in(message: str) -> str:
    if message.startswith("The token") and os.environ.get("KIT_TOKEN"):
        return " It is that of KIT_TOKEN in the environment, which goes first: mend or unset it."
    return "" if "kit login" in message else " To log in: kit login"


def _complain(message: str) -> None:
    from kit.cli.screen import complain

    complain(message)
