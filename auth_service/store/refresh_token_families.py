"""Refresh token families: one row per login, whatever number of tokens follow each other.

No token is stored: the token of generation *n* is made from `family_id` and *n* by a key that
the database does not have (see `auth_service.refresh_tokens`).
"""

import json
import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime

import asyncpg

from auth_service.store import Database
from auth_service.store.statements import Statements


@dataclass(frozen=True, slots=True)
class LogIn:
    """A user who has proved who he is; `password_version` is that of the password checked.

    `session_id`: the browser's session in which he did; `claims`: what the client asked to know
    by name (OIDC Core §5.5); `resource` is as `auth_service.resources` has it, here and below.
    """

    sub: uuid.UUID
    client_id: str
    scope: frozenset[str]
    amr: tuple[str, ...]
    password_version: int
    auth_time: datetime
    session_id: uuid.UUID | None = None
    claims: dict[str, list[str]] = field(default_factory=dict)
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """What the user granted at login, and the generation of the newest token.

    `status_idx` is the login's place in the status lists (see `statuses`).
    """

    family_id: uuid.UUID
    sub: uuid.UUID
    scope: frozenset[str]
    auth_time: datetime
    amr: tuple[str, ...]
    generation: int
    status_idx: int
    session_id: uuid.UUID | None
    claims: dict[str, list[str]]
    resource: str

    @property
    def sid(self) -> str:
        """The `sid` of its tokens: the browser's session, or this login if there was no browser."""
        return str(self.session_id or self.family_id)


COLUMNS = (
    "family_id, sub, scope, auth_time, amr, generation, status_idx, session_id, claims, resource"
)


async def begin(
    db: "Database | Statements", log_in: LogIn, now: datetime, jti: str
) -> Family | None:
    """Begin a family; None if the user or the client was disabled since, or the password changed.

    `jti` is that of the access token which the client will get, for the audit log. FOR SHARE
    makes this wait for a change of either that is under way, and makes the change wait for
    this, so that it finds the family and ends it.
    """
    row = await db.fetchrow(
        f"""
        WITH begun AS (
            INSERT INTO refresh_token_families
                (family_id, sub, client_id, scope, auth_time, amr, generation, created_at,
                 rotated_at, session_id, claims, resource)
            SELECT $1, sub, client_id, $4, $9, $5, 1, $7, $7, $10, $11, $12
            FROM users, clients
            WHERE sub = $2 AND users.disabled_at IS NULL AND password_version = $6
              AND client_id = $3 AND clients.disabled_at IS NULL
            FOR SHARE
            RETURNING *
        ), recorded AS (
            INSERT INTO audit_log (at, event, sub, client_id, family_id, jti, detail)
            SELECT $7, CASE WHEN session_id IS NULL THEN 'logged in' ELSE 'tokens issued' END,
                   sub, client_id, family_id, $8,
                   jsonb_strip_nulls(jsonb_build_object(
                       'resource', NULLIF(resource, ''), 'sid', session_id))
            FROM begun
        )
        SELECT {COLUMNS} FROM begun
        """,  # noqa: S608 - a constant
        uuid.uuid4(),
        log_in.sub,
        log_in.client_id,
        sorted(log_in.scope),
        log_in.amr,
        log_in.password_version,
        now,
        jti,
        log_in.auth_time,
        log_in.session_id,
        json.dumps(log_in.claims),
        log_in.resource,
    )
    return None if row is None else family_of(row)


@dataclass(frozen=True, slots=True)
class Live:
    """A family whose newest token may still be redeemed, as far as the database can tell."""

    sub: uuid.UUID
    client_id: str
    scope: frozenset[str]
    resource: str
    generation: int
    created_at: datetime
    rotated_at: datetime


async def find_live(db: Database, family_id: uuid.UUID) -> Live | None:
    """Return the family, unless it was revoked or its user is disabled."""
    row = await db.fetchrow(
        """
        SELECT sub, client_id, scope, resource, generation, family.created_at, rotated_at
        FROM refresh_token_families AS family JOIN users USING (sub)
        WHERE family_id = $1 AND revoked_at IS NULL AND disabled_at IS NULL
        """,
        family_id,
    )
    return None if row is None else Live(**{**row, "scope": frozenset(row["scope"])})


async def revoke(db: Database, status_idx: int, client_id: str, now: datetime) -> bool:
    """End the login that has this index, if it is this client's; False if nothing changed."""
    condition, why = "status_idx = $3 AND client_id = $4", "revoked by the client"
    return await _end(condition, db, now, why, status_idx, client_id)


async def find_by_status(db: Database, status_idx: int) -> Family | None:
    """Return the login that has this index, unless it has ended or its user is disabled."""
    row = await db.fetchrow(
        f"""
        SELECT {COLUMNS} FROM refresh_token_families
        WHERE status_idx = $1 AND revoked_at IS NULL
          AND EXISTS (SELECT FROM users
                      WHERE users.sub = refresh_token_families.sub AND disabled_at IS NULL)
        """,  # noqa: S608 - a constant
        status_idx,
    )
    return None if row is None else family_of(row)


async def begun_in(db: Database, session_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the ids of the logins that began in a browser's session, the newest first.

    Also of those that are removed by now, as long as the audit log knows of them.
    """
    rows = await db.fetch(
        """
        SELECT family_id FROM (
            SELECT family_id, created_at FROM refresh_token_families WHERE session_id = $1
            UNION
            SELECT family_id, at FROM audit_log
            WHERE event = 'tokens issued' AND detail ->> 'sid' = $1::uuid::text
        ) AS begun ORDER BY created_at DESC
        """,
        session_id,
    )
    return [row["family_id"] for row in rows]


async def revoke_family(db: Database, family_id: uuid.UUID, now: datetime) -> bool:
    """End one login, whose code came again; False if it has ended before."""
    return await _end("family_id = $3", db, now, "authorization code replayed", family_id)


async def revoke_all_in(db: Database, session_id: uuid.UUID, now: datetime) -> None:
    """End every login that began in a browser's session.

    Not those with `offline_access`, which are meant to outlast it (OIDC Core §11, OpenID Connect
    Back-Channel Logout 1.0 §2.7).
    """
    condition = "session_id = $3 AND NOT scope @> '{offline_access}'"
    await _end(condition, db, now, "logged out", session_id)


async def revoke_all_between(db: Database, sub: uuid.UUID, client_id: str, now: datetime) -> bool:
    """End every login of a user at a client; False if there was none."""
    condition = "sub = $3 AND client_id = $4"
    return await _end(condition, db, now, "consent withdrawn", sub, client_id)


async def revoke_all_of(db: Database, sub: uuid.UUID, now: datetime, why: str) -> None:
    """End every login of a user."""
    await _end("sub = $3", db, now, why, sub)


async def revoke_all_at(db: Database, client_id: str, now: datetime) -> None:
    """End every login at a client, which is disabled."""
    await _end("client_id = $3", db, now, "client disabled", client_id)


@dataclass(frozen=True, slots=True)
class Over:
    """What a family was revoked, last refreshed, or begun before, when its row may go."""

    revoked_before: datetime
    rotated_before: datetime
    created_before: datetime


async def forget(db: Database, over: Over, after: uuid.UUID, most: int) -> uuid.UUID | None:
    """Of the `most` families that come after one, remove those that are over; return the last one.

    None if there are none to look at. Each statement looks at so many rows and waits for nobody,
    however large the table is. A family stays as long as the browser's session in which it began:
    whoever ends that tells the clients which got tokens in it (see `logout_deliveries`).
    """
    last: uuid.UUID | None = await db.fetchval(
        """
        WITH looked_at AS (
            SELECT family_id FROM refresh_token_families
            WHERE family_id > $1 ORDER BY family_id LIMIT $2
        ), over AS (
            SELECT family_id FROM refresh_token_families AS family JOIN looked_at USING (family_id)
            WHERE (revoked_at <= $3 OR rotated_at <= $4 OR created_at <= $5)
              AND NOT EXISTS (
                  SELECT FROM sessions WHERE sessions.session_id = family.session_id)
            FOR UPDATE OF family SKIP LOCKED
        ), removed AS (
            DELETE FROM refresh_token_families WHERE family_id IN (SELECT family_id FROM over)
        )
        SELECT family_id FROM looked_at ORDER BY family_id DESC LIMIT 1
        """,
        after,
        most,
        over.revoked_before,
        over.rotated_before,
        over.created_before,
    )
    return last


async def _end(condition: str, db: Database, now: datetime, why: str, *parameters: object) -> bool:
    """Revoke families, set their bits and say `why` in the audit log, in one statement."""
    ended = await db.fetchval(
        f"""
        WITH ended AS (
            UPDATE refresh_token_families SET revoked_at = $1
            WHERE revoked_at IS NULL AND {condition}
            RETURNING family_id, sub, client_id, status_idx
        ), recorded AS (
            INSERT INTO audit_log (at, event, sub, client_id, family_id, detail)
            SELECT $1, 'revoked', sub, client_id, family_id,
                   jsonb_build_object('reason', $2::text)
            FROM ended
        )
        INSERT INTO revoked_statuses SELECT status_idx, $1 FROM ended
        RETURNING true
        """,  # noqa: S608 - a constant of this module
        now,
        why,
        *parameters,
    )
    return ended is not None


def family_of(row: asyncpg.Record) -> Family:
    """Return the family in a row that has `COLUMNS`, among others maybe."""
    values = {field.name: row[field.name] for field in fields(Family)}
    values |= {
        "scope": frozenset(row["scope"]),
        "amr": tuple(row["amr"]),
        "claims": json.loads(row["claims"]),
    }
    return Family(**values)
