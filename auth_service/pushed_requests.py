"""Authorization requests pushed beforehand, and fetched by their `request_uri` (RFC 9126)."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from auth_service import authorization_request
from auth_service.authorization_errors import InvalidRequestUri
from auth_service.authorization_request import NAMES
from auth_service.authorization_response import RefusedByRedirect
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import pushed_authorization_requests
from auth_service.store.clients import Client
from shared.errors import InvalidRequest

LIFETIME: Final = 60  # seconds in which the browser has to arrive
_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


async def push(server: AuthorizationServer, client: Client, parameters: Parameters) -> str:
    """Validate a request as `/authorize` would, keep it, and return its `request_uri`.

    That is 256 random bits, of which only the hash is stored. Raises the `OAuthError` that the
    authorization endpoint would show or redirect with (§2.3).
    """
    if "request_uri" in parameters:
        raise InvalidRequest("a pushed request has no request_uri (RFC 9126 §2.1)")
    kept = {name: value for name, value in parameters.items() if name in NAMES}
    kept["client_id"] = client.client_id
    try:
        asked = Parameters({**parameters, **kept})
        await authorization_request.read(server, asked, parameters.address)
    except RefusedByRedirect as refusal:
        raise refusal.error from refusal
    request_uri = _PREFIX + secrets.token_urlsafe(32)
    expires_at = server.time() + timedelta(seconds=LIFETIME)
    await pushed_authorization_requests.add(
        server.db, _sha256(request_uri), client.client_id, kept, expires_at
    )
    return request_uri


async def resolve(server: AuthorizationServer, parameters: Parameters) -> tuple[Parameters, bool]:
    """Return what a request means, and whether it was pushed: then nothing else in it counts.

    A `request_uri` is good once and for its own client only; otherwise `InvalidRequestUri`,
    which is the person's to see, since no redirect URI is known. A `request_uri` that is none of
    ours is left for `authorization_request.read` to refuse.
    """
    request_uri = parameters.get("request_uri", "")
    if not request_uri.startswith(_PREFIX) or "client_id" not in parameters:
        return parameters, False
    pushed = await pushed_authorization_requests.take(
        server.db, _sha256(request_uri), parameters["client_id"], server.time()
    )
    if pushed is None:
        raise InvalidRequestUri("the request_uri is unknown, used or expired")
    return Parameters(pushed), True


async def forget(server: AuthorizationServer) -> None:
    """Forget what nobody came for in time."""
    await pushed_authorization_requests.forget(server.db, server.time())


def _sha256(request_uri: str) -> bytes:
    return hashlib.sha256(request_uri.encode()).digest()
