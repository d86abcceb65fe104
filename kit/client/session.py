"""Where and as whom a client speaks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2


@dataclass
class Session:
    """A service and a token; shared by all that speaks for a client, so that a login reaches all."""

    url: str
    token: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """The headers of each request; a token that is none of the kit's is a JupyterHub's."""
        if not self.token:
            return {}
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
