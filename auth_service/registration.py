"""Clients register themselves, and manage what they registered (RFC 7591, RFC 7592)."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from auth_service import client_metadata, revocation
from auth_service.authentication_methods import WITH_SECRET
from auth_service.client_metadata import ClientMetadata
from auth_service.grants import GRANTS
from auth_service.registration_errors import InvalidClientMetadata
from auth_service.server import AuthorizationServer
from auth_service.store import Connection, audit_log, clients, registrations
from auth_service.store.audit_log import Event
from auth_service.store.clients import Client
from auth_service.store.registrations import InitialAccessToken
from shared.errors import InvalidToken, TemporarilyUnavailable

# Those that give nothing without a person who agrees to it.
REGISTRABLE: Final = frozenset(GRANTS) - {"password", "client_credentials"}
UNUSED: Final = timedelta(days=7)  # an open registration that nobody used for so long is removed


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it is stored, and what is told only now; a secret only if it is a new one."""

    client: Client
    registration_access_token: str
    client_secret: str | None = None


async def register(
    server: AuthorizationServer, metadata: ClientMetadata, initial_token: str | None
) -> Registered:
    """Register a client, whose id we choose; with an initial access token, or openly without.

    Raises `InvalidClientMetadata` or `InvalidRedirectUri`; `InvalidToken` for an initial access
    token that is not good, which is not used up by what is refused; `TemporarilyUnavailable`
    when there are as many such clients as there may be.
    """
    client_metadata.check(metadata, server.fetch, grants=REGISTRABLE)
    token, secret = _new_secret(), _new_secret() if metadata.method in WITH_SECRET else None
    # Never a UUID: it must not be taken for a user's `sub` (RFC 9700 §4.15).
    client_id = f"c.{secrets.token_urlsafe(16)}"
    client = Client(
        client_id=client_id,
        name=metadata.client_name or client_id,
        secret_sha256=None if secret is None else _sha256(secret),
        scope=client_metadata.registrable_scope(metadata),
        first_party=False,
        created_at=server.time(),
        disabled_at=None,
        registration_token_sha256=_sha256(token),
        registered_openly=initial_token is None,
        **client_metadata.described(metadata),
    )
    most = server.settings.client_registration_limit
    async with server.db.acquire() as connection, connection.transaction():
        if initial_token is not None:
            await _use(server, connection, initial_token)
        if not await registrations.add(connection, client, most):
            raise TemporarilyUnavailable("no more clients can register just now", retry_after=3600)
    return Registered(client, token, secret)


async def read(server: AuthorizationServer, client_id: str, token: str) -> Registered:
    """Return a client to whoever has its registration token, or raise `InvalidToken`.

    The token is the one that was presented: only its hash is stored. So the secret is not told.
    """
    client = await registrations.find(server.db, client_id, _sha256(token))
    if client is None:
        raise InvalidToken("the registration access token is not good for this client")
    return Registered(client, token)


async def update(
    server: AuthorizationServer,
    client_id: str,
    token: str,
    metadata: ClientMetadata,
    client_secret: str | None,
) -> Registered:
    """Replace everything that a client says of itself; what it leaves out is unsaid (§2.2).

    The registration token is replaced as well. A secret stays, unless the method needs none any
    more or a first one. Raises what `register` and `read` raise.
    """
    current = (await read(server, client_id, token)).client
    client_metadata.check(metadata, server.fetch, grants=REGISTRABLE)
    if client_secret is not None and _sha256(client_secret) != current.secret_sha256:
        raise InvalidClientMetadata("client_secret is not the client's (RFC 7592 §2.2)")
    secret_sha256, secret = current.secret_sha256, None
    if metadata.method not in WITH_SECRET:
        secret_sha256 = None
    elif secret_sha256 is None:
        secret = _new_secret()
        secret_sha256 = _sha256(secret)
    new_token = _new_secret()
    changed = replace(
        current,
        name=metadata.client_name or client_id,
        secret_sha256=secret_sha256,
        scope=client_metadata.registrable_scope(metadata),
        registration_token_sha256=_sha256(new_token),
        **client_metadata.described(metadata),
    )
    async with server.db.acquire() as connection, connection.transaction():
        stored = await clients.replace(connection, changed, _sha256(token))
        if stored is None:
            raise InvalidToken("the registration access token is not good for this client")
        now = server.time()
        await audit_log.record(connection, Event.CLIENT_CHANGED, now, client_id=client_id)
    return Registered(stored, new_token, secret)


async def delete(server: AuthorizationServer, client_id: str, token: str) -> None:
    """End a client, its tokens and every log-in at it, at its own wish; or `InvalidToken`."""
    async with server.db.acquire() as connection, connection.transaction():
        if not await registrations.withdraw(connection, client_id, _sha256(token)):
            raise InvalidToken("the registration access token is not good for this client")
        await revocation.end_client(connection, client_id, server.time())


async def create_initial_token(
    server: AuthorizationServer, note: str, lifetime: timedelta, uses: int
) -> str:
    """Make an initial access token (RFC 7591 §1.2): 256 random bits, of which a hash is stored."""
    token, now = _new_secret(), server.time()
    await registrations.add_token(
        server.db, InitialAccessToken(_sha256(token), note, now, now + lifetime, uses)
    )
    return token


async def forget(server: AuthorizationServer) -> None:
    """Remove what open registration left behind, and tokens that are used up."""
    now = server.time()
    await registrations.forget(server.db, now - UNUSED)
    await registrations.forget_tokens(server.db, now)


async def _use(server: AuthorizationServer, connection: Connection, token: str) -> None:
    if not await registrations.use_token(connection, _sha256(token), server.time()):
        raise InvalidToken("the initial access token is unknown, expired or used up")


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
