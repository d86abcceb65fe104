"""Where and as whom a client speaks."""

from __future__ import annotations

import ssl
import weakref
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from kit.errors import NotLoggedIn


@dataclass(eq=False)
class Session:
    """A service and a token; shared by all that speaks for a client, so that a login reaches all.

    ``name`` is whose token it is, where that is known; ``refused`` a token that the service took no longer.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    name: str | None = None
    refused: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # From a file or a secret it often comes with the end of its line.
        self.token = self.token and self.token.strip()
        _all.add(self)

    def share(self) -> None:
        """Give the token to this person's other sessions here whose own was refused: they carry on by it."""
        for other in [*_all]:
            is_ended = other.refused is not None and other.refused == other.token
            if is_ended and self.name is not None and (other.url, other.name) == (self.url, self.name):
                other.token = self.token

    def headers(self) -> dict[str, str]:
        """The headers of each request; a token that is none of the kit's is a JupyterHub's."""
        if not self.token:
            return {}
        if not (self.token.isascii() and self.token.isprintable()):
            raise NotLoggedIn("The token holds characters that no token has: copy it again, or log in anew.")
        scheme = "Bearer" if self.token.startswith("kit_") else "token"
        return {"Authorization": f"{scheme} {self.token}"}

    @property
    def trusts_environment(self) -> bool:
        """Whether proxies of the environment apply: never on the way to this machine itself."""
        return urlsplit(self.url).hostname not in {"localhost", "127.0.0.1", "::1"}

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """How certificates are checked: by SSL_CERT_FILE too, also on the way to this machine itself."""
        if self.trusts_environment or not self.url.startswith("https:"):
            return True
        return httpx2.create_ssl_context()


_all: weakref.WeakSet[Session] = weakref.WeakSet()
