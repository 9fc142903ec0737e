"""What people have agreed to, one row per user, client and resource."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Database
from auth_service.store.sessions import Limits


@dataclass(frozen=True, slots=True)
class App:
    """A client as its users see it, and what it may have of one of them.

    `resources` are those that it has named; `granted_at` is the last time that it was given more.
    It is None for a first-party client that was given the password, and was never asked about.
    `used_at`: when it last got a token that may be refreshed.
    """

    client_id: str
    client_name: str
    scope: frozenset[str]
    resources: tuple[str, ...]
    granted_at: datetime | None
    used_at: datetime | None


async def granted(
    db: Database, sub: uuid.UUID, client_id: str, resources: list[str]
) -> frozenset[str]:
    """Return what the user has agreed to so far, at this client and these resources."""
    rows = await db.fetch(
        "SELECT scope FROM consents WHERE sub = $1 AND client_id = $2 AND resource = ANY($3)",
        sub,
        client_id,
        resources,
    )
    return frozenset(name for row in rows for name in row["scope"])


async def grant(
    db: Database,
    sub: uuid.UUID,
    client_id: str,
    scope: frozenset[str],
    resource: str,
    now: datetime,
) -> None:
    """Add to what the user has agreed to, at this client and this resource."""
    await db.execute(
        """
        INSERT INTO consents AS old (sub, client_id, scope, granted_at, resource)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (sub, client_id, resource) DO UPDATE SET granted_at = $4, scope = ARRAY(
            SELECT DISTINCT unnest(old.scope || $3) ORDER BY 1)
        """,
        sub,
        client_id,
        sorted(scope),
        now,
        resource,
    )


async def find_apps_of(db: Database, sub: uuid.UUID, limits: Limits) -> list[App]:
    """Return every client that the user has agreed to, or is logged in at, by name."""
    rows = await db.fetch(
        """
        WITH live AS (
            SELECT client_id, scope, resource, rotated_at FROM refresh_token_families
            WHERE sub = $1 AND revoked_at IS NULL AND rotated_at > $2 AND created_at > $3
        ), used AS (
            SELECT client_id, max(rotated_at) AS used_at FROM live GROUP BY client_id
        ), agreed AS (
            SELECT client_id, max(granted_at) AS granted_at
            FROM consents WHERE sub = $1 GROUP BY client_id
        ), allowed AS (
            SELECT client_id, array_agg(DISTINCT name) AS scope,
                   array_agg(DISTINCT resource ORDER BY resource) AS resources
            FROM (SELECT client_id, scope, resource FROM live
                  UNION ALL SELECT client_id, scope, resource FROM consents WHERE sub = $1)
                 AS every, unnest(every.scope) AS name
            GROUP BY client_id
        )
        SELECT clients.client_id, clients.name, allowed.scope, resources, granted_at, used_at
        FROM allowed JOIN clients USING (client_id) LEFT JOIN used USING (client_id)
             LEFT JOIN agreed USING (client_id)
        ORDER BY lower(clients.name), clients.client_id
        """,
        sub,
        limits.used_after,
        limits.authenticated_after,
    )
    return [
        App(client_id, name, frozenset(scope), tuple(resources), granted_at, used_at)
        for client_id, name, scope, resources, granted_at, used_at in rows
    ]


async def withdraw(db: Database, sub: uuid.UUID, client_id: str) -> bool:
    """Forget a consent, at every resource; False if there was none.

    Its caller ends what the client has.
    """
    withdrawn = await db.fetchval(
        "DELETE FROM consents WHERE sub = $1 AND client_id = $2 RETURNING true", sub, client_id
    )
    return withdrawn is not None
