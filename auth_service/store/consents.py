"""What people have agreed to, one row per user and client."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Database


@dataclass(frozen=True, slots=True)
class Consent:
    """What a client may have of a user; `client_name` is what people see."""

    client_id: str
    client_name: str
    scope: frozenset[str]
    granted_at: datetime


async def granted(db: Database, sub: uuid.UUID, client_id: str) -> frozenset[str]:
    """Return what the user has agreed to so far, at this client."""
    scope = await db.fetchval(
        "SELECT scope FROM consents WHERE sub = $1 AND client_id = $2", sub, client_id
    )
    return frozenset(scope or ())


async def grant(
    db: Database, sub: uuid.UUID, client_id: str, scope: frozenset[str], now: datetime
) -> None:
    """Add to what the user has agreed to."""
    await db.execute(
        """
        INSERT INTO consents AS old (sub, client_id, scope, granted_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (sub, client_id) DO UPDATE SET granted_at = $4, scope = ARRAY(
            SELECT DISTINCT unnest(old.scope || $3) ORDER BY 1)
        """,
        sub,
        client_id,
        sorted(scope),
        now,
    )


async def find_all_of(db: Database, sub: uuid.UUID) -> list[Consent]:
    """Return what a user has agreed to, the newest first."""
    rows = await db.fetch(
        """
        SELECT client_id, clients.name, consents.scope, granted_at
        FROM consents JOIN clients USING (client_id)
        WHERE sub = $1 ORDER BY granted_at DESC
        """,
        sub,
    )
    return [
        Consent(client_id, name, frozenset(scope), granted_at)
        for client_id, name, scope, granted_at in rows
    ]


async def withdraw(db: Database, sub: uuid.UUID, client_id: str) -> bool:
    """Forget a consent; False if there was none. Its caller ends the client's families."""
    withdrawn = await db.fetchval(
        "DELETE FROM consents WHERE sub = $1 AND client_id = $2 RETURNING true", sub, client_id
    )
    return withdrawn is not None
