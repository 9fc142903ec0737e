"""Clients that are to be told of a log-out (OpenID Connect Back-Channel Logout 1.0): a queue.

A row is there until its client has been told. Whoever takes one has it until `due_at`, so
neither a crash nor a restart loses it, and no two processes tell the same client at once.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auth_service.store import Connection, Database

_FIRST_WAIT: Final = 10  # seconds, longer than an attempt takes
_LONGEST_WAIT: Final = 3600  # seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """A log-out, and the client to tell; `attempts` counts this one too."""

    delivery_id: uuid.UUID
    session_id: uuid.UUID
    sub: uuid.UUID
    client_id: str
    backchannel_logout_uri: str
    ended_at: datetime
    attempts: int


async def add(connection: Connection, session_id: uuid.UUID, now: datetime) -> None:
    """Have every client told that got tokens in a browser's session.

    Within the transaction that ends the session, so that both happen or neither.
    """
    await _add(connection, "families.session_id = $1", session_id, now)


async def add_all_of(connection: Connection, sub: uuid.UUID, now: datetime) -> None:
    """Have every client told that got tokens in a session of this user that has not ended."""
    alive = "SELECT session_id FROM sessions WHERE sub = $1 AND ended_at IS NULL"
    await _add(connection, f"families.session_id IN ({alive})", sub, now)


async def _add(
    connection: Connection, condition: str, identifier: uuid.UUID, now: datetime
) -> None:
    await connection.execute(
        f"""
        INSERT INTO logout_deliveries (session_id, sub, client_id, ended_at, due_at)
        SELECT DISTINCT families.session_id, families.sub, client_id, $2::timestamptz, $2
        FROM refresh_token_families AS families JOIN clients USING (client_id)
        WHERE {condition} AND backchannel_logout_uri IS NOT NULL AND disabled_at IS NULL
        ON CONFLICT DO NOTHING
        """,  # noqa: S608 - a constant of this module
        identifier,
        now,
    )


async def take(db: Database, most: int, now: datetime) -> list[Delivery]:
    """Take what is due; each comes again after twice the time, unless it is done by then."""
    rows = await db.fetch(
        """
        UPDATE logout_deliveries AS delivery
        SET attempts = attempts + 1,
            due_at = $2::timestamptz + interval '1 second' * least($4, $3 * 2 ^ least(attempts, 20))
        FROM clients
        WHERE clients.client_id = delivery.client_id AND delivery_id IN (
            SELECT delivery_id FROM logout_deliveries JOIN clients USING (client_id)
            WHERE due_at <= $2 AND backchannel_logout_uri IS NOT NULL AND disabled_at IS NULL
            ORDER BY due_at LIMIT $1 FOR UPDATE OF logout_deliveries SKIP LOCKED)
        RETURNING delivery_id, session_id, sub, delivery.client_id, backchannel_logout_uri,
                  ended_at, attempts
        """,
        most,
        now,
        _FIRST_WAIT,
        _LONGEST_WAIT,
    )
    return [Delivery(*row.values()) for row in rows]


async def done(db: Database, delivery_id: uuid.UUID) -> None:
    """Forget a delivery: the client was told, or never will be."""
    await db.execute("DELETE FROM logout_deliveries WHERE delivery_id = $1", delivery_id)


async def forget(db: Database, ended_before: datetime) -> None:
    """Remove what is left of clients that are disabled, or need not be told any more."""
    await db.execute("DELETE FROM logout_deliveries WHERE ended_at <= $1", ended_before)
