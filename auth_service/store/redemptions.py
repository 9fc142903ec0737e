"""Redeeming refresh tokens: each call is classed, and the class is in the audit log.

Both functions are one statement, which also writes the row: of any number of concurrent calls
each finds what the one before has left, and nothing can come between the deed and its record.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Database
from auth_service.store.audit_log import MOST_A_MINUTE, Event
from auth_service.store.refresh_token_families import COLUMNS, Family, family_of


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token as a client presents it, and the times by which it is judged.

    `repeat_since`: the previous token may come again if it was exchanged since; None: never.
    `rotated_after` and `created_after`: what is older has expired, by idleness and absolutely.
    `resources`: the family has to be for one of them.
    """

    family_id: uuid.UUID
    generation: int
    client_id: str
    at: datetime
    repeat_since: datetime | None
    rotated_after: datetime
    created_after: datetime
    resources: list[str]


@dataclass(frozen=True, slots=True)
class Redemption:
    """The family after the exchange; `event` is ROTATED or REPEATED."""

    family: Family
    event: Event


async def redeem(
    db: Database, token: Presented, scope: frozenset[str], jti: str
) -> Redemption | None:
    """Exchange a token for its successor; None if it is not to be had, or not for all of this.

    The one UPDATE both tests and sets, so of any number of concurrent calls with the newest
    token one advances the family. The others wait for it and then find their token to be the
    previous one: within the window they get the same successor. `jti` is that of the access
    token which the client will get.
    """
    row = await db.fetchrow(
        f"""
        WITH redeemed AS (
            UPDATE refresh_token_families AS family
            SET generation = $2 + 1,
                rotated_at = CASE family.generation WHEN $2 THEN $4 ELSE family.rotated_at END,
                repeats = CASE family.generation WHEN $2 THEN 0 ELSE family.repeats + 1 END
            FROM users, clients
            WHERE family.family_id = $1
              AND (family.generation = $2
                   OR family.generation = $2 + 1 AND family.rotated_at >= $5)
              AND family.client_id = $3
              AND family.revoked_at IS NULL
              AND family.rotated_at > $6
              AND family.created_at > $7
              AND family.scope @> $8
              AND family.resource = ANY($10)
              AND users.sub = family.sub AND users.disabled_at IS NULL
              AND clients.client_id = family.client_id AND clients.disabled_at IS NULL
            RETURNING family.*
        ), recorded AS (
            INSERT INTO audit_log (at, event, sub, client_id, family_id, jti, detail)
            SELECT $4, CASE repeats WHEN 0 THEN 'rotated' ELSE 'repeated within the window' END,
                   sub, client_id, family_id, $9,
                   jsonb_build_object('presented', $2::int, 'newest', generation)
            FROM redeemed
        )
        SELECT {COLUMNS}, repeats FROM redeemed
        """,  # noqa: S608 - a constant
        token.family_id,
        token.generation,
        token.client_id,
        token.at,
        token.repeat_since,
        token.rotated_after,
        token.created_after,
        sorted(scope),
        jti,
        token.resources,
    )
    if row is None:
        return None
    return Redemption(family_of(row), Event.REPEATED if row["repeats"] else Event.ROTATED)


async def refuse(db: Database, token: Presented, scope: frozenset[str]) -> tuple[Event, str]:
    """Judge a token that `redeem` has refused; return the event and what is wrong.

    A token that had been replaced, and came too late for a repeat, ends the family: that is
    committed when this returns. Of other refusals there are at most `MOST_A_MINUTE` rows about
    one family and event.
    """
    row = await db.fetchrow(
        f"""
        WITH family AS (
            SELECT * FROM refresh_token_families WHERE family_id = $1 FOR UPDATE
        ), judged AS (
            SELECT family.*, CASE
                WHEN family_id IS NULL THEN 'no such family'
                WHEN client_id <> $3 THEN 'foreign client'
                WHEN revoked_at IS NOT NULL THEN 'the log-in had ended'
                WHEN rotated_at <= $6 THEN 'expired (idle)'
                WHEN created_at <= $7 THEN 'expired (absolute)'
                WHEN generation < $2 THEN 'ahead of the database'
                WHEN generation > $2 + 1
                  OR generation = $2 + 1 AND (rotated_at >= $5) IS NOT TRUE
                THEN 'reuse: family revoked'
                WHEN NOT scope @> $8 THEN 'scope exceeded'
                WHEN NOT resource = ANY($9) THEN 'other resource'
                ELSE 'client or user disabled'
            END AS verdict
            FROM (VALUES (true)) AS always LEFT JOIN family ON true
        ), classed AS (
            SELECT *, CASE
                WHEN verdict IN (
                    'foreign client', 'expired (idle)', 'expired (absolute)',
                    'reuse: family revoked', 'scope exceeded', 'other resource'
                ) THEN verdict ELSE 'refresh refused'
            END AS event
            FROM judged
        ), ended AS (
            UPDATE refresh_token_families AS family SET revoked_at = $4
            FROM classed
            WHERE family.family_id = classed.family_id AND event = 'reuse: family revoked'
            RETURNING family.status_idx
        ), status AS (
            INSERT INTO revoked_statuses SELECT status_idx, $4 FROM ended
        ), recorded AS (
            INSERT INTO audit_log (at, event, sub, client_id, family_id, detail)
            SELECT $4, event, sub, $3, $1, jsonb_strip_nulls(jsonb_build_object(
                'presented', $2::int, 'newest', generation, 'reason', NULLIF(verdict, event)))
            FROM classed
            WHERE event = 'reuse: family revoked' OR (
                SELECT count(*) FROM audit_log
                WHERE audit_log.family_id = $1 AND audit_log.event = classed.event
                  AND at > $4 - interval '1 minute'
            ) < {MOST_A_MINUTE}
        )
        SELECT event, verdict FROM classed
        """,  # noqa: S608 - a constant
        token.family_id,
        token.generation,
        token.client_id,
        token.at,
        token.repeat_since,
        token.rotated_after,
        token.created_after,
        sorted(scope),
        token.resources,
    )
    assert row is not None  # noqa: S101 - the statement always has one row
    return Event(row["event"]), row["verdict"]
