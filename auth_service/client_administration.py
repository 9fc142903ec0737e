"""Clients as administrators make them, by command or over REST: one set of rules for both."""

import hashlib
import re
import secrets
import uuid
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from auth_service import client_metadata, revocation
from auth_service import scope as scopes
from auth_service.authentication_methods import NONE, WITH_SECRET
from auth_service.client_metadata import ClientMetadata, Text
from auth_service.grants import GRANTS
from auth_service.registration_errors import InvalidClientMetadata
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log, clients
from auth_service.store.audit_log import Event
from auth_service.store.clients import Client
from shared.errors import Conflict

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_GRANTS: Final = frozenset(GRANTS)


class NewClient(ClientMetadata):
    """A client to be; what is not of RFC 7591 only an administrator may say.

    Without `token_endpoint_auth_method` it may use Basic or post as it likes.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    client_id: Text
    client_name: Text
    scope: Annotated[str, Field(max_length=2000)]
    first_party: bool = False
    require_pkce: bool = True


async def create(
    server: AuthorizationServer, new: NewClient, *, by: str | None = None
) -> tuple[Client, str | None]:
    """Store a client; return it with its secret, which is made here, if it needs one.

    `by`: the client of the administrator who asks over REST. Raises `InvalidClientMetadata`,
    `InvalidRedirectUri`, or `Conflict` if the `client_id` is taken.
    """
    _check(new)
    client_metadata.check(new, server.fetch, grants=_GRANTS)
    secret = secrets.token_urlsafe(32) if new.method in WITH_SECRET else None
    described = client_metadata.described(new)
    client = Client(
        client_id=new.client_id,
        name=new.client_name,
        secret_sha256=None if secret is None else hashlib.sha256(secret.encode()).digest(),
        scope=scopes.parse(new.scope),
        first_party=new.first_party,
        created_at=server.time(),
        disabled_at=None,
        require_pkce=new.require_pkce,
        **{**described, "token_endpoint_auth_method": new.token_endpoint_auth_method},
    )
    if not await clients.add(server.db, client, by=by):
        raise Conflict(f"the client_id {new.client_id} is taken")
    return client, secret


async def disable(
    server: AuthorizationServer, client_id: str, *, by: str | None = None
) -> Client | None:
    """Disable a client and end all that it was given; None if there is no such one."""
    return await revocation.disable_client(server, client_id, by=by)


async def enable(
    server: AuthorizationServer, client_id: str, *, by: str | None = None
) -> Client | None:
    """Let a disabled client in again, whose users have to log in anew; None if there is none."""
    async with server.db.acquire() as connection, connection.transaction():
        client = await clients.enable(connection, client_id)
        if client is not None:
            await audit_log.record(
                connection, Event.CLIENT_ENABLED, server.time(), client_id=client_id, by=by
            )
        return client


def _check(new: NewClient) -> None:
    if not _CLIENT_ID.fullmatch(new.client_id):
        raise InvalidClientMetadata("the client_id must be 1 to 128 of A-Z a-z 0-9 . _ ~ -")
    if _is_uuid(new.client_id):
        # It is the `sub` of a client's own tokens, and every user's `sub` is a UUID.
        raise InvalidClientMetadata(
            "the client_id must not be a UUID: it could be taken for a user (RFC 9700 §4.15)"
        )
    if "password" in new.grants and not new.first_party:
        raise InvalidClientMetadata("password is for first-party clients (RFC 9700 §2.4)")
    if new.method == NONE and not new.require_pkce:
        raise InvalidClientMetadata("a public client must use PKCE (RFC 9700 §2.1.1)")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
