"""One issuer's tokens for one audience, verified by keys and status lists that are kept fresh."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette

from resource_service.remote_key_set import RemoteKeySet
from resource_service.remote_status_lists import RemoteStatusLists
from resource_service.settings import check_url
from resource_service.status_list import Policy
from shared.access_token import AccessTokenVerifier

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
# For the metadata: pages of any origin may read them, with the header that MCP clients send.
CROSS_ORIGIN: Final = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET",
    "access-control-allow-headers": "MCP-Protocol-Version",
}


class RemoteVerification:
    """A verifier and what it needs from the issuer, for as long as an app runs."""

    def __init__(
        self, issuer: str, audience: str, *, jwks_uri: str = "", status_lists_uri: str = ""
    ) -> None:
        """Fetch nothing yet; `ValueError` for a URL that is neither https nor loopback.

        `status_lists_uri` is where the issuer says which status lists there are; one that has
        none loses nothing.
        """
        if not audience:
            raise ValueError("the audience must not be empty")
        jwks_uri = check_url(jwks_uri or f"{check_url(issuer)}/.well-known/jwks.json")
        aggregation_uri = check_url(status_lists_uri or f"{issuer}/status-lists")
        self._keys = RemoteKeySet(issuer_client(jwks_uri), jwks_uri)
        policy = Policy(issuer_client(issuer), self._keys, issuer)
        self._statuses = RemoteStatusLists(policy, aggregation_uri=aggregation_uri)
        self.verifier = AccessTokenVerifier(self._keys, issuer, audience, statuses=self._statuses)

    def keep_fresh_in(self, app: Starlette) -> None:
        """Fetch keys and lists ahead of time while this app runs."""
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            async with self._keys.kept_fresh(), self._statuses.kept_fresh(), inner(app) as state:
                yield state

        app.router.lifespan_context = lifespan


def issuer_client(url: str) -> httpx.AsyncClient:
    """Make the client for fetching what is at `url`: a connection per fetch.

    So it holds nothing open between two fetches, and need not be closed; nor does a poll meet a
    connection that the issuer is just closing. A proxy from the environment is not asked for
    what is on the loopback interface.
    """
    return httpx.AsyncClient(
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=not url.startswith("http://"),
    )


def metadata_url(resource: str) -> str:
    """Return where the metadata of a resource are: the well-known part precedes the path.

    (RFC 9728 §3.1.)
    """
    url = urlsplit(resource)
    return f"{url.scheme}://{url.netloc}{WELL_KNOWN}{url.path}"
