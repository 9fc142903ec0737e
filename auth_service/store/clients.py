"""Registered clients (RFC 6749 §2)."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from auth_service.authentication_methods import PRIVATE_KEY_JWT
from auth_service.store import Database
from auth_service.store.statements import Statements


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; one with neither a secret nor keys is public (RFC 6749 §2.1).

    A first-party client is the user's own agent: people may trust it with their password.
    `status_idx` is the place of the client's own tokens in the status lists (see `statuses`);
    it is given out when the client is stored. `require_pkce` counts for confidential clients only:
    public ones always need it. `token_endpoint_auth_method` is one of RFC 7591 §2, and None where
    a client may use Basic or post as it likes. `jwks` is a JWK Set as JSON. `about` is the
    metadata of RFC 7591 that mean nothing to us. A client that registered itself has a
    registration token.
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
    token_endpoint_auth_method: str | None = None
    jwks: str | None = None
    jwks_uri: str | None = None
    require_pushed_authorization_requests: bool = False
    about: Mapping[str, Any] | None = None
    registration_token_sha256: bytes | None = None
    registered_openly: bool = False
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it cannot prove who it is."""
        return self.secret_sha256 is None and self.token_endpoint_auth_method != PRIVATE_KEY_JWT


_STORED: Final = (
    *("client_id", "name", "secret_sha256", "grant_types", "scope", "first_party", "created_at"),
    *("redirect_uris", "post_logout_redirect_uris", "require_pkce"),
    *("token_endpoint_auth_method", "jwks"),
    *("jwks_uri", "require_pushed_authorization_requests", "about"),
    *("registration_token_sha256", "registered_openly"),
    *("backchannel_logout_uri", "backchannel_logout_session_required"),
)
_COLUMNS: Final = ", ".join((*_STORED, "disabled_at", "status_idx"))
_COLLECTIONS: Final[dict[str, Callable[[list[str]], Collection[str]]]] = {
    "grant_types": frozenset,
    "scope": frozenset,
    "redirect_uris": tuple,
    "post_logout_redirect_uris": tuple,
}
_FIND = f"SELECT {_COLUMNS} FROM clients WHERE client_id = $1"  # noqa: S608 - a constant


async def find(db: "Database | Statements", client_id: str) -> Client | None:
    """Return the client with this `client_id`, disabled or not."""
    row = await db.fetchrow(_FIND, client_id)
    return None if row is None else _client(row)


async def add(db: Database, client: Client, *, by: str | None = None) -> bool:
    """Add a client and say so in the audit log; False if the `client_id` is taken.

    `by`: the client of an administrator who asked for it over REST.
    """
    places = ", ".join(f"${place}" for place in range(1, len(_STORED) + 1))
    added = await db.fetchval(
        f"""
        WITH added AS (
            INSERT INTO clients ({", ".join(_STORED)}) VALUES ({places})
            ON CONFLICT DO NOTHING
            RETURNING client_id, created_at
        )
        INSERT INTO audit_log (at, event, client_id, detail)
        SELECT created_at, 'client created', client_id,
               jsonb_strip_nulls(jsonb_build_object('by', ${len(_STORED) + 1}::text))
        FROM added
        RETURNING true
        """,  # noqa: S608 - constants
        *_values(client),
        by,
    )
    return added is not None


async def keep(db: Database, client: Client) -> None:
    """Add a client, or store what it says of itself now."""
    if await add(db, client):
        return
    kept = ("client_id", "created_at")
    names = [name for name in _STORED if name not in kept]
    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, 2))
    values = dict(zip(_STORED, _values(client), strict=True))
    await db.execute(
        f"UPDATE clients SET {changes} WHERE client_id = $1",  # noqa: S608 - constants
        client.client_id,
        *(values[name] for name in names),
    )


async def replace(db: Database, client: Client, token_sha256: bytes) -> Client | None:
    """Store what a client says of itself now; None if this is not its registration token.

    The token is replaced by the one in `client`, so of any number of concurrent calls with one
    token one gets through (RFC 7592 §2.2).
    """
    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(_STORED[1:], 2))
    row = await db.fetchrow(
        f"""
        UPDATE clients SET {changes}
        WHERE client_id = $1 AND registration_token_sha256 = ${len(_STORED) + 1}
          AND disabled_at IS NULL
        RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        *_values(client),
        token_sha256,
    )
    return None if row is None else _client(row)


async def list_all(db: Database, *, after: str = "", most: int | None = None) -> list[Client]:
    """Return clients by `client_id`: those `after` one, `most` at most; without either, all."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM clients WHERE client_id > $1 ORDER BY client_id LIMIT $2",  # noqa: S608
        after,
        most,
    )
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


def _values(client: Client) -> list[Any]:
    """Return what is stored, as the driver takes it."""
    values = {name: getattr(client, name) for name in _STORED}
    for name in ("grant_types", "scope"):
        values[name] = sorted(values[name])
    if client.about is not None:
        values["about"] = json.dumps(client.about)
    return list(values.values())


def _client(row: asyncpg.Record) -> Client:
    values = dict(row)
    if values["about"] is not None:
        values["about"] = json.loads(values["about"])
    for name, kind in _COLLECTIONS.items():
        values[name] = kind(values[name])
    return Client(**values)
