"""Client authentication at the token endpoint (RFC 6749 §2.3)."""

import binascii
import hashlib
import hmac
from typing import Final
from urllib.parse import unquote_plus

from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log, clients
from auth_service.store.clients import Client
from shared.errors import InvalidClient, InvalidRequest

CONFIDENTIAL: Final = ("client_secret_basic", "client_secret_post")
METHODS: Final = (*CONFIDENTIAL, "none")
_NO_SECRET: Final = hashlib.sha256(b"").digest()
_MAXIMUM_LENGTH: Final = 1024  # characters of a client_id


async def authenticate_client(
    server: AuthorizationServer, authorization: str | None, parameters: Parameters
) -> Client:
    """Return the client that makes the request.

    Raises `InvalidClient`, the same for every cause, or `InvalidRequest` when the client used
    more than one method. The refusal of a known client is in the audit log; that of an unknown
    one is not, since anybody can make up as many as he likes. The time it takes may tell the two
    apart: a `client_id` is no secret (RFC 6749 §2.2).

    A confidential client may use Basic or post as it likes; which method it registered is not
    checked, since registration does not ask.
    """
    client_id, secret = _credentials(authorization, parameters)
    client = await clients.find(server.lookups, client_id)
    expected = (
        _NO_SECRET if client is None or client.secret_sha256 is None else client.secret_sha256
    )
    presented = hashlib.sha256(secret.encode()).digest()
    verified = hmac.compare_digest(presented, expected)
    if client is None:
        raise InvalidClient(reason=f"unknown client {client_id!r}")
    if not verified or client.disabled_at is not None:
        why = "client disabled" if verified else "wrong secret"
        await audit_log.client_refused(server.db, server.time(), client_id, why)
        raise InvalidClient(reason=f"{why}: {client_id!r}")
    return client


def _credentials(authorization: str | None, parameters: Parameters) -> tuple[str, str]:
    """Return `client_id` and secret; the secret of a public client is empty."""
    client_id = parameters.get("client_id")
    secret = parameters.get("client_secret", "")
    if authorization is not None:
        if secret:
            raise InvalidRequest("more than one client authentication method")
        named = client_id
        client_id, secret = _basic(authorization)
        if named is not None and named != client_id:
            raise InvalidRequest("client_id is not the one that authenticates")
    if client_id is None or len(client_id) > _MAXIMUM_LENGTH:
        raise InvalidClient(reason="no client_id, or too long a one")
    return client_id, secret


def _basic(authorization: str) -> tuple[str, str]:
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
    return client_id, secret
