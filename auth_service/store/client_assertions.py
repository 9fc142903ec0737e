"""Client assertions that have come (RFC 7523 §3): of two with one `jti` the first counts."""

from datetime import datetime

from auth_service.store import Database


async def remember(db: Database, client_id: str, jti: str, expires_at: datetime) -> bool:
    """Remember an assertion until it expires; False if it has come before.

    The one INSERT both tests and sets, so of any number of concurrent calls one gets True.
    """
    first = await db.fetchval(
        """
        INSERT INTO client_assertions (client_id, jti, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
        RETURNING true
        """,
        client_id,
        jti,
        expires_at,
    )
    return first is not None


async def forget(db: Database, now: datetime) -> None:
    """Remove what has expired: its date refuses it from now on."""
    await db.execute("DELETE FROM client_assertions WHERE expires_at <= $1", now)
