"""Registered clients (RFC 6749 §2)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from auth_service.store import Database
from auth_service.store.lookups import Lookups

PRIVATE_KEY_JWT: Final = "private_key_jwt"  # OIDC Core §9


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; one with neither a secret nor keys is public (RFC 6749 §2.1).

    A first-party client is the user's own agent: people may trust it with their password.
    `status_idx` is the place of the client's own tokens in the status lists (see `statuses`);
    it is given out when the client is stored. `require_pkce` counts for confidential clients only:
    public ones always need it. `auth_method` is one of RFC 7591 §2, and None where a client may
    use Basic or post as it likes. `jwks` is a JWK Set as JSON.
    """

    client_id: str
    name: str
    secret_sha256: bytes | None
    grant_types: frozenset[str]
    scope: frozenset[str]
    first_party: bool
    created_at: datetime
    disabled_at: datetime | None
    status_idx: int | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    require_pkce: bool = True
    auth_method: str | None = None
    jwks: str | None = None
    jwks_uri: str | None = None
    require_pushed_authorization_requests: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it cannot prove who it is."""
        return self.secret_sha256 is None and self.auth_method != PRIVATE_KEY_JWT


_COLUMNS = (
    "client_id, name, secret_sha256, grant_types, scope, first_party, created_at, disabled_at, "
    "status_idx, redirect_uris, post_logout_redirect_uris, require_pkce, "
    "token_endpoint_auth_method AS auth_method, jwks, jwks_uri, "
    "require_pushed_authorization_requests"
)
_COLLECTIONS: Final[dict[str, Callable[[list[str]], Collection[str]]]] = {
    "grant_types": frozenset,
    "scope": frozenset,
    "redirect_uris": tuple,
    "post_logout_redirect_uris": tuple,
}
_FIND = f"SELECT {_COLUMNS} FROM clients WHERE client_id = $1"  # noqa: S608 - a constant


async def find(db: "Database | Lookups", client_id: str) -> Client | None:
    """Return the client with this `client_id`, disabled or not."""
    row = await db.fetchrow(_FIND, client_id)
    return None if row is None else _client(row)


async def add(db: Database, client: Client) -> bool:
    """Add a client and say so in the audit log; False if the `client_id` is taken."""
    added = await db.fetchval(
        """
        WITH added AS (
            INSERT INTO clients
                (client_id, name, secret_sha256, grant_types, scope, first_party, created_at,
                 redirect_uris, post_logout_redirect_uris, require_pkce,
                 token_endpoint_auth_method, jwks, jwks_uri,
                 require_pushed_authorization_requests)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            ON CONFLICT DO NOTHING
            RETURNING client_id, created_at
        )
        INSERT INTO audit_log (at, event, client_id)
        SELECT created_at, 'client created', client_id FROM added
        RETURNING true
        """,
        client.client_id,
        client.name,
        client.secret_sha256,
        sorted(client.grant_types),
        sorted(client.scope),
        client.first_party,
        client.created_at,
        client.redirect_uris,
        client.post_logout_redirect_uris,
        client.require_pkce,
        client.auth_method,
        client.jwks,
        client.jwks_uri,
        client.require_pushed_authorization_requests,
    )
    return added is not None


async def list_all(db: Database) -> list[Client]:
    """Return every client, by `client_id`."""
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM clients ORDER BY client_id")  # noqa: S608
    return [_client(row) for row in rows]


async def disable(db: Database, client_id: str, now: datetime) -> Client | None:
    """Disable a client, which may be disabled already; None if there is no such client.

    Its caller ends its tokens and its logins in the same transaction.
    """
    row = await db.fetchrow(
        f"""
        UPDATE clients SET disabled_at = COALESCE(disabled_at, $2) WHERE client_id = $1
        RETURNING {_COLUMNS}
        """,  # noqa: S608
        client_id,
        now,
    )
    return None if row is None else _client(row)


async def enable(db: Database, client_id: str) -> Client | None:
    """Let a disabled client in again; None if there is no such client."""
    row = await db.fetchrow(
        f"UPDATE clients SET disabled_at = NULL WHERE client_id = $1 RETURNING {_COLUMNS}",  # noqa: S608
        client_id,
    )
    return None if row is None else _client(row)


async def revoke_tokens(db: Database, client_id: str, status_idx: int, now: datetime) -> bool:
    """End the tokens that the client has got for itself under this index; False if they are ended.

    Their bit is set, and the client's next tokens have another index.
    """
    revoked = await db.fetchval(
        """
        WITH renewed AS (
            UPDATE clients SET status_idx = nextval('status_indexes')
            WHERE client_id = $1 AND status_idx = $2
            RETURNING true
        )
        INSERT INTO revoked_statuses SELECT $2, $3 FROM renewed
        RETURNING true
        """,
        client_id,
        status_idx,
        now,
    )
    return revoked is not None


def _client(row: asyncpg.Record) -> Client:
    values = dict(row)
    for name, kind in _COLLECTIONS.items():
        values[name] = kind(values[name])
    return Client(**values)
