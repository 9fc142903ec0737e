"""Refresh token families: one row per login, whatever number of tokens follow each other.

No token is stored: the token of generation *n* is made from `family_id` and *n* by a key that
the database does not have (see `auth_service.refresh_tokens`).
"""

import uuid
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token as a client presents it, and the times by which it is judged.

    `repeat_since`: the previous token may come again if it was exchanged since; None: never.
    `rotated_after` and `created_after`: what is older has expired, by idleness and absolutely.
    """

    family_id: uuid.UUID
    generation: int
    client_id: str
    at: datetime
    repeat_since: datetime | None
    rotated_after: datetime
    created_after: datetime


_COLUMNS = "family_id, sub, scope, auth_time, amr, generation, status_idx"


async def begin(db: Database, log_in: LogIn, now: datetime) -> Family | None:
    """Begin a family; None if the user or the client was disabled since, or the password changed.

    FOR SHARE makes this wait for a change of either that is under way, and makes the change
    wait for this, so that it finds the family and ends it.
    """
    row = await db.fetchrow(
        f"""
        INSERT INTO refresh_token_families
            (family_id, sub, client_id, scope, auth_time, amr, generation, created_at, rotated_at)
        SELECT $1, sub, client_id, $4, $7, $5, 1, $7, $7
        FROM users, clients
        WHERE sub = $2 AND users.disabled_at IS NULL AND password_version = $6
          AND client_id = $3 AND clients.disabled_at IS NULL
        FOR SHARE
        RETURNING {_COLUMNS}
        """,  # noqa: S608 - a constant
        uuid.uuid4(),
        log_in.sub,
        log_in.client_id,
        sorted(log_in.scope),
        log_in.amr,
        log_in.password_version,
        now,
    )
    return None if row is None else _family(row)


async def redeem(db: Database, token: Presented, scope: frozenset[str]) -> Family | None:
    """Exchange a token for its successor; None if it is not to be had, or not for this scope.

    The one UPDATE both tests and sets, so of any number of concurrent calls with the newest
    token one advances the family. The others wait for it and then find their token to be the
    previous one: within the window they get the same successor.
    """
    row = await db.fetchrow(
        """
        UPDATE refresh_token_families AS family
        SET generation = $2 + 1,
            rotated_at = CASE generation WHEN $2 THEN $4 ELSE rotated_at END
        FROM users, clients
        WHERE family.family_id = $1
          AND (generation = $2 OR generation = $2 + 1 AND rotated_at >= $5)
          AND family.client_id = $3
          AND family.revoked_at IS NULL
          AND family.rotated_at > $6
          AND family.created_at > $7
          AND family.scope @> $8
          AND users.sub = family.sub AND users.disabled_at IS NULL
          AND clients.client_id = family.client_id AND clients.disabled_at IS NULL
        RETURNING family.family_id, family.sub, family.scope, auth_time, amr, generation,
                  family.status_idx
        """,
        token.family_id,
        token.generation,
        token.client_id,
        token.at,
        token.repeat_since,
        token.rotated_after,
        token.created_after,
        sorted(scope),
    )
    return None if row is None else _family(row)


async def revoke_replayed(db: Database, token: Presented) -> bool:
    """Revoke the family if this token of it is a replay: superseded, and too late for a repeat.

    Returns whether it was; a token of a family that is revoked already is none.
    """
    replayed = await db.fetchval(
        """
        WITH ended AS (
            UPDATE refresh_token_families SET revoked_at = $4
            WHERE family_id = $1 AND client_id = $3 AND revoked_at IS NULL
              AND generation > $2
              AND NOT (generation = $2 + 1 AND COALESCE(rotated_at >= $5, false))
            RETURNING status_idx
        )
        INSERT INTO revoked_statuses SELECT status_idx, $4 FROM ended
        RETURNING true
        """,
        token.family_id,
        token.generation,
        token.client_id,
        token.at,
        token.repeat_since,
    )
    return replayed is not None


async def granted_scope(db: Database, token: Presented) -> frozenset[str] | None:
    """Return the scope of the token's family, if it is this client's and not revoked."""
    scope = await db.fetchval(
        """
        SELECT scope FROM refresh_token_families
        WHERE family_id = $1 AND client_id = $2 AND revoked_at IS NULL
        """,
        token.family_id,
        token.client_id,
    )
    return None if scope is None else frozenset(scope)


async def revoke(db: Database, status_idx: int, client_id: str, now: datetime) -> bool:
    """End the login that has this index, if it is this client's; False if nothing changed."""
    return await _end("status_idx = $2 AND client_id = $3", db, now, status_idx, client_id)


async def revoke_all_of(db: Database, sub: uuid.UUID, now: datetime) -> None:
    """End every login of a user."""
    await _end("sub = $2", db, now, sub)


async def revoke_all_at(db: Database, client_id: str, now: datetime) -> None:
    """End every login at a client."""
    await _end("client_id = $2", db, now, client_id)


async def _end(condition: str, db: Database, now: datetime, *parameters: object) -> bool:
    """Revoke families and set their bits, in one statement."""
    ended = await db.fetchval(
        f"""
        WITH ended AS (
            UPDATE refresh_token_families SET revoked_at = $1
            WHERE revoked_at IS NULL AND {condition}
            RETURNING status_idx
        )
        INSERT INTO revoked_statuses SELECT status_idx, $1 FROM ended
        RETURNING true
        """,  # noqa: S608 - a constant of this module
        now,
        *parameters,
    )
    return ended is not None


def _family(row: asyncpg.Record) -> Family:
    family_id, sub, scope, auth_time, amr, generation, status_idx = row.values()
    return Family(family_id, sub, frozenset(scope), auth_time, tuple(amr), generation, status_idx)
