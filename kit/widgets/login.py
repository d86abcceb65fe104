"""The login form, which gives way to the panel; a password is used once and kept nowhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from kit.errors import KitError, NotAllowed, NotLoggedIn
from kit.widgets._widget import KitWidget, close_all, css, esm, quiet

if TYPE_CHECKING:
    from kit.client import CompetitionClient

LogIn = Callable[[str, str], object]
"""Takes a name and a password; raises KitError where they are not taken."""


class LoginForm(KitWidget):
    """Name and password; the browser sends them in one message when they are used.

    Parameters
    ----------
    log_in, sign_up : callable
        Take a name and a password, beside the main thread.
    done : callable
        Called afterwards.
    """

    _esm = esm("login")
    _css = css("login")

    title = traitlets.Unicode("Log in").tag(sync=True)
    subtitle = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode(
        "New here? Choose a name and a password of 10 or more characters, then Sign up."
    ).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    sign_up = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, log_in: LogIn, sign_up: LogIn | None, done: Callable[[], object], **traits: Any
    ) -> None:
        self._acts = {"log in": log_in} | ({"sign up": sign_up} if sign_up else {})
        self._done = done
        super().__init__(sign_up=sign_up is not None, **traits)
        self.on_msg(self._heard)

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:  # noqa: ARG002
        act = self._acts.get(content.get("action"))
        if act is None or self.busy:
            return
        self.change(busy=True, message="")
        name, password = str(content.get("name", "")), str(content.pop("password", ""))
        quiet(partial(self._enter, act, name, password), self._refuse)

    def _enter(self, act: LogIn, name: str, password: str) -> None:
        act(name, password)
        self._done()
        self.change(busy=False)

    def _refuse(self, error: KitError) -> None:
        self.change(message=str(error))
        self.change(busy=False)


class Gate(ipywidgets.VBox):  # type: ignore[misc]
    """A login form in whose place, once somebody is logged in, something else is shown; and back.

    Parameters
    ----------
    inside : callable
        Makes what is shown to those who are logged in; told what to call to log out.
    log_in : callable, optional
        Another way to log in than the client's own.
    """

    children: Any

    def __init__(
        self,
        comp: CompetitionClient,
        inside: Callable[[Callable[[], None]], ipywidgets.Widget],
        *,
        log_in: LogIn | None = None,
        can_sign_up: bool = True,
        subtitle: str = "Log in to take part.",
    ) -> None:
        super().__init__()
        self.after: list[Callable[[object], object]] = []
        self._comp = comp
        self._inside = inside
        self._log_in = log_in or comp.client.log_in
        open_to_all = can_sign_up and comp.overview.get("signup", "open") == "open"
        self._sign_up = comp.client.sign_up if open_to_all else None
        self._subtitle = subtitle
        self._by_hub = comp.client.is_by_hub
        for name in ("kit-box", "kit-gate"):
            self.add_class(name)
        self.enter() if comp.client.token else self._ask()

    def enter(self) -> None:
        """Show what is inside, or the form again where the token is no good."""
        try:
            self._swap(self._inside(self.leave))
            for act in self.after:
                act(None)
        except (NotLoggedIn, NotAllowed) as error:
            self._comp.client.token = None
            self._ask(str(error))

    def leave(self) -> None:
        """Log out and show the form."""
        with contextlib.suppress(KitError):
            self._comp.client.log_out()
        self._comp.client.token = None
        self._ask()

    def _ask(self, message: str = "") -> None:
        title = str(self._comp.overview["title"])
        if self._by_hub:
            text = message or "Your server on the JupyterHub is who you are here: log out there."
            self._swap(ipywidgets.HTML(escape(text)))
            return
        form = LoginForm(self._log_in, self._sign_up, self.enter, title=title, subtitle=self._subtitle)
        form.message = message
        self._swap(form)

    def _swap(self, widget: ipywidgets.Widget) -> None:
        before = list(self.children)
        self.children = [widget]
        for each in before:
            close_all(each)


def login(comp: CompetitionClient) -> Gate:
    """A login form that turns into the competition's panel."""
    from kit.widgets.panel import panel

    return panel(comp)
