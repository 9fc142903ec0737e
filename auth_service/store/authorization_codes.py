"""Authorization codes (RFC 6749 §4.1.2): only hashes of them, each good for one redemption."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auth_service.store import Connection, Database

# A code that is presented as it has to be, but for its resource and its session.
_GOOD: Final = """
    code_sha256 = $1
    AND code.client_id = $2
    AND (code.redirect_uri IS NULL OR code.redirect_uri = $3)
    AND code.code_challenge IS NOT DISTINCT FROM $4
    AND code.issued_at > $5
    AND code.redeemed_at IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """What a code is bound to; `claims` is what the `claims` parameter asked for.

    `resource` is as `auth_service.resources` has it, here and below.
    """

    code_sha256: bytes
    client_id: str
    session_id: uuid.UUID
    redirect_uri: str | None
    code_challenge: str | None
    scope: frozenset[str]
    resource: str
    nonce: str | None
    claims: dict[str, list[str]]
    auth_time: datetime
    amr: tuple[str, ...]
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedCode:
    """A code as a client presents it, and the time by which it is judged.

    `resources`: it has to be for one of them.
    """

    code_sha256: bytes
    client_id: str
    redirect_uri: str | None
    code_challenge: str | None  # which the verifier meets
    resources: list[str]
    issued_after: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """What a code was good for."""

    sub: uuid.UUID
    password_version: int
    session_id: uuid.UUID
    scope: frozenset[str]
    resource: str
    nonce: str | None
    claims: dict[str, list[str]]
    auth_time: datetime
    amr: tuple[str, ...]


async def add(db: Database, code: IssuedCode) -> None:
    """Store a code."""
    await db.execute(
        """
        INSERT INTO authorization_codes
            (code_sha256, client_id, session_id, redirect_uri, code_challenge, scope, nonce,
             claims, auth_time, amr, issued_at, resource)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        code.code_sha256,
        code.client_id,
        code.session_id,
        code.redirect_uri,
        code.code_challenge,
        sorted(code.scope),
        code.nonce,
        json.dumps(code.claims),
        code.auth_time,
        code.amr,
        code.issued_at,
        code.resource,
    )


async def redeem(db: Database, code: PresentedCode) -> Redemption | None:
    """Take a code, or None: unknown, used, expired, bound to something else, or its session over.

    The one UPDATE both tests and sets, so of any number of concurrent calls one gets it. A
    code without a challenge and a call with a verifier do not go together, nor the reverse
    (RFC 9700 §2.1.1, §4.8.2). FOR SHARE makes the end of the session wait, so that it finds the
    family which this transaction begins.
    """
    row = await db.fetchrow(
        f"""
        WITH session AS (
            SELECT session_id, sub, password_version FROM sessions
            WHERE ended_at IS NULL AND session_id = (
                SELECT session_id FROM authorization_codes WHERE code_sha256 = $1)
            FOR SHARE
        )
        UPDATE authorization_codes AS code SET redeemed_at = $7
        FROM session
        WHERE {_GOOD} AND code.resource = ANY($6)
        RETURNING session.sub, session.password_version, code.session_id, code.scope,
                  code.resource, code.nonce, code.claims, code.auth_time, code.amr
        """,  # noqa: S608 - a constant
        *_presented(code),
        code.at,
    )
    if row is None:
        return None
    values = dict(row)
    values |= {
        "scope": frozenset(row["scope"]),
        "claims": json.loads(row["claims"]),
        "amr": tuple(row["amr"]),
    }
    return Redemption(**values)


async def is_for_another_resource(db: Database, code: PresentedCode) -> bool:
    """Tell whether a code would be good, were it presented for its own resource."""
    found = await db.fetchval(
        f"""
        SELECT true FROM authorization_codes AS code
        WHERE {_GOOD} AND NOT code.resource = ANY($6)
        """,  # noqa: S608 - a constant
        *_presented(code),
    )
    return found is not None


def _presented(code: PresentedCode) -> tuple[object, ...]:
    return (
        code.code_sha256,
        code.client_id,
        code.redirect_uri,
        code.code_challenge,
        code.issued_after,
        code.resources,
    )


async def note_family(connection: Connection, code_sha256: bytes, family_id: uuid.UUID) -> None:
    """Note what a code gave, within the transaction that redeemed it."""
    await connection.execute(
        "UPDATE authorization_codes SET family_id = $2 WHERE code_sha256 = $1",
        code_sha256,
        family_id,
    )


async def family_of_replayed(db: Database, code_sha256: bytes, client_id: str) -> uuid.UUID | None:
    """Return what a code has given, if this client has redeemed it before."""
    family_id: uuid.UUID | None = await db.fetchval(
        """
        SELECT family_id FROM authorization_codes
        WHERE code_sha256 = $1 AND client_id = $2 AND redeemed_at IS NOT NULL
        """,
        code_sha256,
        client_id,
    )
    return family_id


async def withdraw(db: Database, sub: uuid.UUID, client_id: str, now: datetime) -> None:
    """Spend what codes a client still has for a user."""
    await db.execute(
        """
        UPDATE authorization_codes AS code SET redeemed_at = $3
        FROM sessions
        WHERE sessions.sub = $1 AND code.session_id = sessions.session_id
          AND code.client_id = $2 AND code.redeemed_at IS NULL
        """,
        sub,
        client_id,
        now,
    )


async def forget(db: Database, since: datetime) -> None:
    """Remove what was issued before `since`: a replay is not recognised any more."""
    await db.execute("DELETE FROM authorization_codes WHERE issued_at <= $1", since)
