"""Refresh token families: one row per login, whatever number of tokens follow each other.

No token is stored: the token of generation *n* is made from `family_id` and *n* by a key that
the database does not have (see `auth_service.refresh_tokens`).
"""

import uuid
from dataclasses import dataclass, fields
from datetime import datetime

import asyncpg

from auth_service.store import Database


@dataclass(frozen=True, slots=True)
class LogIn:
    """A user who has just proved who he is; `password_version` is that of the password checked."""

    sub: uuid.UUID
    client_id: str
    scope: frozenset[str]
    amr: tuple[str, ...]
    password_version: int


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


COLUMNS = "family_id, sub, scope, auth_time, amr, generation, status_idx"


async def begin(db: Database, log_in: LogIn, now: datetime, jti: str) -> Family | None:
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
                 rotated_at)
            SELECT $1, sub, client_id, $4, $7, $5, 1, $7, $7
            FROM users, clients
            WHERE sub = $2 AND users.disabled_at IS NULL AND password_version = $6
              AND client_id = $3 AND clients.disabled_at IS NULL
            FOR SHARE
            RETURNING *
        ), recorded AS (
            INSERT INTO audit_log (at, event, sub, client_id, family_id, jti)
            SELECT $7, 'logged in', sub, client_id, family_id, $8 FROM begun
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
    )
    return None if row is None else family_of(row)


async def revoke(db: Database, status_idx: int, client_id: str, now: datetime) -> bool:
    """End the login that has this index, if it is this client's; False if nothing changed."""
    condition, why = "status_idx = $3 AND client_id = $4", "revoked by the client"
    return await _end(condition, db, now, why, status_idx, client_id)


async def revoke_all_of(db: Database, sub: uuid.UUID, now: datetime, why: str) -> None:
    """End every login of a user."""
    await _end("sub = $3", db, now, why, sub)


async def revoke_all_at(db: Database, client_id: str, now: datetime) -> None:
    """End every login at a client, which is disabled."""
    await _end("client_id = $3", db, now, "client disabled", client_id)


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
    return Family(**values | {"scope": frozenset(row["scope"]), "amr": tuple(row["amr"])})
