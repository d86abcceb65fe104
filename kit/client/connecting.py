"""connect: from an address to a competition's handle, logged in where that can be done without asking."""

from __future__ import annotations

import importlib
import re
import weakref
from urllib.parse import unquote

import httpx2

from kit import credentials
from kit.client.competition import CompetitionClient
from kit.client.errors import instead, untrusted
from kit.client.kept import keep
from kit.client.progress import in_kernel
from kit.client.service import Client, how_to_log_in
from kit.client.session import Session
from kit.errors import InvalidRequest, KitError, NotLoggedIn, ServiceError

_last: weakref.ref[CompetitionClient] | None = None


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    name: str | None = None,
    password: str | None = None,
) -> CompetitionClient:
    """Connect to a competition.

    Without ``token`` or ``name`` and ``password``, uses KIT_TOKEN, a JupyterHub's token or the login that
    ``kit login`` saved (none of them inside Voila); else shows a login form in a notebook, after which the
    handle is live.

    Parameters
    ----------
    url : str, optional
        The service's address, ending in the competition's slug where there are several, as
        ``http://127.0.0.1:8000/titanic``. By default KIT_URL, which a JupyterHub sets, else where
        ``kit login`` was last; of that service the slug alone does too.

    Raises
    ------
    NotLoggedIn
        Outside a notebook, where nobody is logged in.
    NotFound
        Naming the competitions there are.
    ServiceError
        Where no service answers.
    """
    global _last
    if (name is None) != (password is None):
        raise InvalidRequest("Pass name and password together; or neither, for a form to fill in.")
    url, slug = locate(url)
    client = Client(url, token=token)
    if name is not None and password is not None:
        client.log_in(name, password)
    elif token is None:
        client.token = credentials.token_for(client.url) or _token_of_last(client.url)
    comp = client.competition(slug)
    is_logged_in = _is_logged_in(comp, given=token is not None)
    _last = weakref.ref(comp)
    if not is_logged_in:
        _show_login(comp)
    return comp


def _token_of_last(url: str) -> str | None:
    # Running the cell again must not ask for the password again.
    comp = _last() if _last is not None else None
    return comp.client.token if comp is not None and comp.client.url == url else None


def last_connected() -> CompetitionClient:
    """The competition that `connect` was last called for and that is still in use."""
    comp = _last() if _last is not None else None
    if comp is None:
        raise InvalidRequest("There is no competition yet: comp = kit.connect(…)")
    return comp


def locate(url: str | None = None) -> tuple[str, str | None]:
    """The base of the service behind an address, and the slug where the address ends in one.

    Raises
    ------
    InvalidRequest
        Where no address is given or known.
    ServiceError
        Where no service answers.
    """
    if url is None:
        current = credentials.current()
        if current is None:
            raise InvalidRequest(
                "No service is known yet. In a terminal: kit login http://…/slug; "
                'in a notebook: kit.connect("http://…/slug"); for both: set KIT_URL'
            )
        if current.competition:
            return current.url, current.competition
        url = current.url
    url = url.strip().rstrip("/")
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", url) and credentials.current() is not None:
        return locate()[0], url
    if not re.match(r"https?://[^/]+", url):
        raise InvalidRequest(f"{url!r} is not an address; it begins with http:// or https://")
    parent, _, last = url.rpartition("/")
    if re.fullmatch(r"https?:/", parent):
        return url, None
    # The last part is a slug, or the service itself lives under a path, as behind a JupyterHub.
    answers = []
    for base, slug in ((parent, unquote(last)), (url, None)):
        answers.append(_answer(base))
        if _is_service(answers[-1]):
            return base, slug
    told = next((error for answer in answers if answer is not None and (error := instead(answer))), None)
    raise told or ServiceError(f"No competition service answers at {parent} or {url}.")


def _answer(url: str) -> httpx2.Response | None:
    """What an address answers that may be a service's; None where it is none."""
    session = Session(url)
    try:
        return httpx2.get(
            f"{url}/healthz", timeout=10.0, trust_env=session.trusts_environment, verify=session.verify
        )
    except httpx2.TransportError as error:
        if told := untrusted(url, error):
            raise told from None
        raise ServiceError(
            f"No service answers at {url} ({error}). Check the address, or ask the organizer whether it runs."
        ) from None
    except (httpx2.InvalidURL, ValueError):
        return None


def _is_service(answer: httpx2.Response | None) -> bool:
    # Others call such an address theirs too, and answer with a status.
    try:
        return answer is not None and answer.is_success and {"status", "queue"} <= answer.json().keys()
    except (ValueError, AttributeError):
        return False


def _is_logged_in(comp: CompetitionClient, *, given: bool) -> bool:
    client = comp.client
    if client.token:
        try:
            me = comp.refresh()["me"] or client.me()
            client.session.name = me["name"]
            client.session.share()
            return True
        except NotLoggedIn:
            if given or not in_kernel():
                raise
            client.token = None
    if not in_kernel():
        raise NotLoggedIn(how_to_log_in(f"{client.url}/{comp.slug}"))
    comp.refresh()
    return False


def _show_login(comp: CompetitionClient) -> None:
    from IPython.display import display

    try:
        form = importlib.import_module("kit.widgets").login(comp)
    except (ImportError, KitError):
        print(how_to_log_in(f"{comp.client.url}/{comp.slug}"))
        return
    keep(form, comp, lambda _: comp)
    display(form)  # type: ignore[no-untyped-call]
