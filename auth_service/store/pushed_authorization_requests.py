"""Authorization requests that clients have pushed (RFC 9126), by the hash of their address."""

import json
from datetime import datetime

from auth_service.store import Database


async def add(
    db: Database,
    request_uri_sha256: bytes,
    client_id: str,
    parameters: dict[str, str],
    expires_at: datetime,
) -> None:
    """Keep a request until it is taken or forgotten."""
    await db.execute(
        "INSERT INTO pushed_authorization_requests VALUES ($1, $2, $3, $4)",
        request_uri_sha256,
        client_id,
        json.dumps(parameters),
        expires_at,
    )


async def take(
    db: Database, request_uri_sha256: bytes, client_id: str, now: datetime
) -> dict[str, str] | None:
    """Take a request of this client, or None: unknown, taken, expired, or another client's.

    The one DELETE both tests and takes, so of any number of concurrent calls one gets it.
    """
    taken: str | None = await db.fetchval(
        """
        DELETE FROM pushed_authorization_requests
        WHERE request_uri_sha256 = $1 AND client_id = $2 AND expires_at > $3
        RETURNING parameters
        """,
        request_uri_sha256,
        client_id,
        now,
    )
    if taken is None:
        return None
    parameters: dict[str, str] = json.loads(taken)
    return parameters


async def forget(db: Database, now: datetime) -> None:
    """Remove what has expired."""
    await db.execute("DELETE FROM pushed_authorization_requests WHERE expires_at <= $1", now)
