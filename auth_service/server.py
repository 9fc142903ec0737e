"""The authorization server as one value: what every endpoint and grant works with."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from auth_service import client_documents, store
from auth_service.client_metadata import ClientMetadata
from auth_service.document_cache import DocumentCache
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.key_rotation import KeyRotation
from auth_service.keys import KeyRing
from auth_service.metrics import Metrics
from auth_service.passwords import Passwords
from auth_service.refresh_tokens import RefreshTokens
from auth_service.safe_fetch import SafeFetch
from auth_service.settings import Settings
from auth_service.status_lists import StatusLists
from auth_service.store.statements import Statements
from auth_service.stored_key import StoredKey
from shared.access_token import AccessTokenVerifier
from shared.database import Pool, create_pool
from shared.jwks import MAXIMUM_OCTETS, KeySetMembers, read_key_set

_STATEMENT_WITHIN: Final = 5.0  # seconds
_CLOSE_WITHIN: Final = 3.0  # seconds, for statements under way


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """Settings, database, keys, passwords and clock; `now` is in seconds since 1970.

    `own_tokens` verifies what was issued here for any of the resources, `admin_tokens` what was
    issued for this server itself; neither whether it was revoked since.
    `client_keys` are the key sets of clients by their `jwks_uri`, `client_documents` the metadata
    of clients by a `client_id` that is a URL.
    `visitor_key` is for what we know visitors by (see `throttling`).
    """

    settings: Settings
    db: Pool
    statements: Statements
    key_encryption_key: KeyEncryptionKey
    keys: KeyRing
    rotation: KeyRotation
    own_tokens: AccessTokenVerifier
    admin_tokens: AccessTokenVerifier
    status_lists: StatusLists
    refresh_tokens: RefreshTokens
    visitor_key: StoredKey
    passwords: Passwords
    fetch: SafeFetch
    client_keys: DocumentCache[KeySetMembers]
    client_documents: DocumentCache[ClientMetadata]
    metrics: Metrics
    now: Callable[[], float] = time.time

    async def prepare(self) -> None:
        """Migrate the database, make what it lacks, read the keys; may be called again.

        Raises `MigrationRefused`, `KeyEncryptionKeyRefused`, or what the database raises.
        """
        await store.migrate_up(self.settings.database_url.get_secret_value())
        await self.refresh_tokens.load(self.db, self.key_encryption_key)
        await self.visitor_key.load(self.db, self.key_encryption_key)
        await self.rotation.bootstrap(self.db)
        await self.keys.reload(self.db)

    def time(self) -> datetime:
        """Return the time by the server's clock, for the database."""
        return datetime.fromtimestamp(self.now(), UTC)


@asynccontextmanager
async def open_server(
    settings: Settings,
    key_encryption_key: KeyEncryptionKey,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[AuthorizationServer]:
    """Put the server together and take it apart again; it connects when it first has to."""
    keys = KeyRing(settings, key_encryption_key, now)
    passwords = Passwords(settings)
    db = create_pool(
        settings.database_url.get_secret_value(),
        size=settings.database_pool_size,
        command_timeout=_STATEMENT_WITHIN,
    )
    await db
    statements = Statements(db)
    fetch = SafeFetch(loopback=settings.fetch_from_loopback)
    # Of their own, since any stranger may name an address: names that take long to resolve hold
    # up other documents, and nothing else.
    for_strangers = SafeFetch(loopback=settings.fetch_from_loopback)
    client_keys, documents = _client_keys(fetch, now), _client_documents(for_strangers, now)
    try:
        yield AuthorizationServer(
            settings=settings,
            db=db,
            statements=statements,
            key_encryption_key=key_encryption_key,
            keys=keys,
            rotation=KeyRotation(settings, key_encryption_key, now),
            own_tokens=AccessTokenVerifier(
                keys, settings.issuer, frozenset(settings.audiences), remember=0, now=now
            ),
            admin_tokens=AccessTokenVerifier(
                keys, settings.issuer, settings.issuer, remember=0, now=now
            ),
            status_lists=StatusLists(settings.issuer, keys, now),
            refresh_tokens=RefreshTokens(),
            visitor_key=StoredKey("visitor key"),
            passwords=passwords,
            fetch=fetch,
            client_keys=client_keys,
            client_documents=documents,
            metrics=Metrics(),
            now=now,
        )
    finally:
        passwords.close()
        await client_keys.close()
        await documents.close()
        await fetch.close()
        await for_strangers.close()
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await statements.close()
                await db.close()
        except TimeoutError:
            db.terminate()


def _client_keys(fetch: SafeFetch, now: Callable[[], float]) -> DocumentCache[KeySetMembers]:
    accept = "application/jwk-set+json, application/json"
    return DocumentCache(
        fetch,
        lambda _uri, fetched: read_key_set(fetched.body),
        accept=accept,
        maximum=MAXIMUM_OCTETS,
        now=now,
    )


def _client_documents(fetch: SafeFetch, now: Callable[[], float]) -> DocumentCache[ClientMetadata]:
    return DocumentCache(
        fetch,
        lambda url, fetched: client_documents.parse(url, fetched, fetch),
        accept=client_documents.ACCEPT,
        maximum=client_documents.MAXIMUM,
        now=now,
    )
