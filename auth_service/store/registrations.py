"""Clients that register themselves (RFC 7591, 7592), and the tokens that let them."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Connection, Database, clients
from auth_service.store.clients import Client


@dataclass(frozen=True, slots=True)
class InitialAccessToken:
    """What lets somebody register clients: `uses_left` of them, until it expires."""

    token_sha256: bytes
    note: str
    created_at: datetime
    expires_at: datetime
    uses_left: int


async def add(connection: Connection, client: Client, most: int) -> bool:
    """Add a client in a transaction; False if `most` have registered themselves already.

    One at a time, or concurrent calls would count the same clients and all find room.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('client registration'))")
    registered: int = await connection.fetchval(
        "SELECT count(*) FROM clients WHERE registration_token_sha256 IS NOT NULL"
    )
    return registered < most and await clients.add(connection, client)


async def find(db: Database, client_id: str, token_sha256: bytes) -> Client | None:
    """Return the client, if this is its registration token and it is not disabled."""
    client = await clients.find(db, client_id)
    if client is None or client.disabled_at is not None:
        return None
    return client if client.registration_token_sha256 == token_sha256 else None


async def withdraw(connection: Connection, client_id: str, token_sha256: bytes) -> bool:
    """Take the registration token from a client that is about to end; False if it is not its."""
    withdrawn = await connection.fetchval(
        """
        UPDATE clients SET registration_token_sha256 = NULL, secret_sha256 = NULL
        WHERE client_id = $1 AND registration_token_sha256 = $2 AND disabled_at IS NULL
        RETURNING true
        """,
        client_id,
        token_sha256,
    )
    return withdrawn is not None


async def forget(db: Database, unused_since: datetime) -> int:
    """Remove clients of open registration that nobody used, or that ended, since; return how many.

    Nobody ever agreed to anything there, or nothing that was given is good any more.
    """
    removed: str = await db.execute(
        """
        DELETE FROM clients AS client WHERE registered_openly AND (
            disabled_at < $1 OR (created_at < $1
                AND NOT EXISTS (SELECT FROM consents WHERE client_id = client.client_id)
                AND NOT EXISTS (
                    SELECT FROM refresh_token_families WHERE client_id = client.client_id)))
        """,
        unused_since,
    )
    return int(removed.rpartition(" ")[2])


async def add_token(db: Database, token: InitialAccessToken) -> None:
    """Store an initial access token, and say so in the audit log."""
    await db.execute(
        """
        WITH added AS (INSERT INTO initial_access_tokens VALUES ($1, $2, $3, $4, $5))
        INSERT INTO audit_log (at, event, detail)
        VALUES ($3, 'initial access token created', jsonb_build_object('note', $2::text))
        """,
        token.token_sha256,
        token.note,
        token.created_at,
        token.expires_at,
        token.uses_left,
    )


async def use_token(db: Database, token_sha256: bytes, now: datetime) -> bool:
    """Use an initial access token once; False if it is unknown, expired or used up.

    The one UPDATE both tests and counts, so it is used as often as it may be, however many
    come at the same moment.
    """
    used = await db.fetchval(
        """
        UPDATE initial_access_tokens SET uses_left = uses_left - 1
        WHERE token_sha256 = $1 AND expires_at > $2 AND uses_left > 0
        RETURNING true
        """,
        token_sha256,
        now,
    )
    return used is not None


async def forget_tokens(db: Database, now: datetime) -> None:
    """Remove initial access tokens that are good for nothing any more."""
    await db.execute(
        "DELETE FROM initial_access_tokens WHERE expires_at <= $1 OR uses_left = 0", now
    )
