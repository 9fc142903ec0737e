"""Client authentication at the token endpoint and its like (RFC 6749 §2.3, OIDC Core §9)."""

import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from auth_service import client_assertions
from auth_service.authentication_methods import BASIC, NONE, POST, PRIVATE_KEY_JWT
from auth_service.client_assertions import ASSERTION_TYPE, Assertion, AuthenticationFailed
from auth_service.client_lookup import find_client
from auth_service.parameters import Parameters
from auth_service.safe_fetch import FetchRefused
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log
from auth_service.store.clients import Client
from shared.errors import InvalidClient, InvalidRequest

_NO_SECRET: Final = hashlib.sha256(b"").digest()
_MAXIMUM_LENGTH: Final = 1024  # characters of a client_id


@dataclass(frozen=True, slots=True)
class _Credentials:
    """Who a client says it is, by which method, and its proof; a public client has none."""

    client_id: str
    method: str
    secret: str = ""
    assertion: Assertion | None = None


async def authenticate_client(
    server: AuthorizationServer, authorization: str | None, parameters: Parameters
) -> Client:
    """Return the client that makes the request.

    Raises `InvalidClient`, the same for every cause, or `InvalidRequest` when the client used
    more than one method; `TemporarilyUnavailable` when its keys are out of reach, and
    `TooManyRequests` for a caller that makes us fetch too much. The refusal of a known client is
    in the audit log; that of an unknown one is not, since anybody can make up
    as many as he likes. The time it takes may tell the two apart: a `client_id` is no secret
    (RFC 6749 §2.2).
    """
    credentials = _credentials(authorization, parameters)
    client_id = credentials.client_id
    try:
        client = await find_client(server, server.statements, client_id, parameters.address)
    except FetchRefused as error:
        raise InvalidClient(reason=f"{client_id!r:.200}: {error}") from error
    if client is None:
        raise InvalidClient(reason=f"unknown client {client_id!r}")
    try:
        await _prove(server, client, credentials, parameters.address)
    except AuthenticationFailed as error:
        why = str(error)[:200]
        await audit_log.client_refused(server.db, server.time(), client_id, why)
        raise InvalidClient(reason=f"{why}: {client_id!r}") from error
    return client


async def _prove(
    server: AuthorizationServer, client: Client, credentials: _Credentials, address: str
) -> None:
    """Check the proof, and that the client is enabled; the assertion is used up last."""
    if client.token_endpoint_auth_method not in {None, credentials.method}:
        raise AuthenticationFailed("another authentication method than the registered one")
    assertion = credentials.assertion
    if assertion is not None:
        await client_assertions.verify(server, client, assertion, address)
    elif not _is_secret(credentials.secret, client):
        raise AuthenticationFailed("wrong secret")
    if client.disabled_at is not None:
        raise AuthenticationFailed("client disabled")
    if assertion is not None:
        await client_assertions.use(server, assertion)


def _is_secret(secret: str, client: Client) -> bool:
    presented = hashlib.sha256(secret.encode()).digest()
    return hmac.compare_digest(presented, client.secret_sha256 or _NO_SECRET)


def _credentials(authorization: str | None, parameters: Parameters) -> _Credentials:
    """Read what came, by exactly one method (RFC 6749 §2.3)."""
    client_id = parameters.get("client_id")
    secret = parameters.get("client_secret", "")
    asserted = "client_assertion" in parameters or "client_assertion_type" in parameters
    if (authorization is not None) + bool(secret) + asserted > 1:
        raise InvalidRequest("more than one client authentication method")
    if asserted:
        found = _asserted(parameters)
    elif authorization is not None:
        found = _basic(authorization)
    else:
        found = _Credentials(client_id or "", POST if secret else NONE, secret)
    if client_id not in {None, found.client_id}:
        raise InvalidRequest("client_id is not the one that authenticates")
    if not 0 < len(found.client_id) <= _MAXIMUM_LENGTH:
        raise InvalidClient(reason="no client_id, or too long a one")
    return found


def _asserted(parameters: Parameters) -> _Credentials:
    """Read an assertion (RFC 7521 §4.2); a `client_id` beside it is not needed."""
    if parameters.required("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidClient(reason="another client_assertion_type")
    try:
        assertion = client_assertions.parse(parameters.required("client_assertion"))
    except AuthenticationFailed as error:
        raise InvalidClient(reason=str(error)) from error
    return _Credentials(assertion.client_id, PRIVATE_KEY_JWT, assertion=assertion)


def _basic(authorization: str) -> _Credentials:
    """Read Basic credentials (RFC 7617 §2).

    Both halves are form-encoded before they are joined (RFC 6749 §2.3.1). An empty secret is
    how a public client says who it is, such as Swagger UI does.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        # Not which one: where no scheme was sent, this word is the secret itself.
        raise InvalidClient(reason="another scheme than Basic")
    try:
        octets = binascii.a2b_base64(encoded.strip(" "), strict_mode=True)
        client_id, colon, secret = octets.decode("utf-8").partition(":")
        client_id = unquote_plus(client_id, errors="strict")
        secret = unquote_plus(secret, errors="strict")
    except ValueError as error:
        raise InvalidClient(reason="malformed Basic credentials") from error
    if not colon or not client_id or "\0" in client_id:
        raise InvalidClient(reason="malformed Basic credentials")
    return _Credentials(client_id, BASIC if secret else NONE, secret)
