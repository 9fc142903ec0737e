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
class Family:
    """What the user granted at login, and the generation of the newest token."""

    family_id: uuid.UUID
    sub: uuid.UUID
    scope: frozenset[str]
    auth_time: datetime
    amr: tuple[str, ...]
    generation: int


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


async def begin(
    db: Database,
    family: Family,
    client_id: str,
    password_version: int,
    now: datetime,
) -> bool:
    """Begin a family; False if the user was disabled or has a new password since it was checked.

    FOR SHARE makes this wait for a change of the user that is under way, and makes the change
    wait for this, so that it finds the family and ends it.
    """
    begun = await db.fetchval(
        """
        INSERT INTO refresh_token_families
            (family_id, sub, client_id, scope, auth_time, amr, generation, created_at, rotated_at)
        SELECT $1, sub, $3, $4, $5, $6, $7, $9, $9
        FROM users
        WHERE sub = $2 AND disabled_at IS NULL AND password_version = $8
        FOR SHARE
        RETURNING true
        """,
        family.family_id,
        family.sub,
        client_id,
        sorted(family.scope),
        family.auth_time,
        family.amr,
        family.generation,
        password_version,
        now,
    )
    return begun is not None


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
        RETURNING family.family_id, family.sub, family.scope, auth_time, amr, generation
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
        UPDATE refresh_token_families SET revoked_at = $4
        WHERE family_id = $1 AND client_id = $3 AND revoked_at IS NULL
          AND generation > $2
          AND NOT (generation = $2 + 1 AND COALESCE(rotated_at >= $5, false))
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


async def revoke_all_of(db: Database, sub: uuid.UUID, now: datetime) -> None:
    """End every login of a user."""
    await db.execute(
        "UPDATE refresh_token_families SET revoked_at = $2 WHERE sub = $1 AND revoked_at IS NULL",
        sub,
        now,
    )


def _family(row: asyncpg.Record) -> Family:
    family_id, sub, scope, auth_time, amr, generation = row.values()
    return Family(family_id, sub, frozenset(scope), auth_time, tuple(amr), generation)
