"""What people have agreed to, one row per user and client."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Database
from auth_service.store.sessions import Limits


@dataclass(frozen=True, slots=True)
class App:
    """A client as its users see it, and what it may have of one of them.

    `granted_at`: None for a first-party client that was given the password, and was never asked
    about; `used_at`: when it last got a token that may be refreshed.
    """

    client_id: str
    client_name: str
    scope: frozenset[str]
    granted_at: datetime | None
    used_at: datetime | None


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


async def find_apps_of(db: Database, sub: uuid.UUID, limits: Limits) -> list[App]:
    """Return every client that the user has agreed to, or is logged in at, by name."""
    rows = await db.fetch(
        """
        WITH live AS (
            SELECT client_id, scope, rotated_at FROM refresh_token_families
            WHERE sub = $1 AND revoked_at IS NULL AND rotated_at > $2 AND created_at > $3
        ), used AS (
            SELECT client_id, max(rotated_at) AS used_at FROM live GROUP BY client_id
        ), allowed AS (
            SELECT client_id, array_agg(DISTINCT name) AS scope
            FROM (SELECT client_id, scope FROM live
                  UNION ALL SELECT client_id, scope FROM consents WHERE sub = $1) AS every,
                 unnest(every.scope) AS name
            GROUP BY client_id
        )
        SELECT clients.client_id, clients.name, allowed.scope, granted_at, used_at
        FROM allowed JOIN clients USING (client_id) LEFT JOIN used USING (client_id)
             LEFT JOIN consents ON consents.sub = $1 AND consents.client_id = allowed.client_id
        ORDER BY lower(clients.name), clients.client_id
        """,
        sub,
        limits.used_after,
        limits.authenticated_after,
    )
    return [
        App(client_id, name, frozenset(scope), granted_at, used_at)
        for client_id, name, scope, granted_at, used_at in rows
    ]


async def withdraw(db: Database, sub: uuid.UUID, client_id: str) -> bool:
    """Forget a consent; False if there was none. Its caller ends what the client has."""
    withdrawn = await db.fetchval(
        "DELETE FROM consents WHERE sub = $1 AND client_id = $2 RETURNING true", sub, client_id
    )
    return withdrawn is not None
