"""Revoked statuses: the bits that are set in the status lists (draft-ietf-oauth-status-list §4).

An index belongs to one login (`refresh_token_families`) or one client, and stands for every
access token issued for it. Whoever ends one of these sets the bit in the same statement or
transaction. Bits are never cleared: what may be good again gets a new index.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auth_service.store import Database

LIST_BITS: Final = 20  # of an index; what is above them is the number of the list
LIST_SIZE: Final = 1 << LIST_BITS  # entries


@dataclass(frozen=True, slots=True)
class StoredList:
    """One list as it lies in the database: positions of the set bits, ascending.

    `newest` is the number of the list that indexes are given out from now.
    """

    revoked: list[int]
    newest: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom an index belongs to: a login, which has a `sub`, or a client for itself."""

    status_idx: int
    client_id: str
    family_id: uuid.UUID | None
    sub: uuid.UUID | None


async def read(db: Database, number: int) -> StoredList:
    """Return what is revoked of one list; nothing of a list that is not there yet."""
    row = await db.fetchrow(
        """
        SELECT ARRAY(SELECT (idx - $1)::integer FROM revoked_statuses
                     WHERE idx >= $1 AND idx < $2 ORDER BY idx) AS revoked,
               COALESCE(pg_sequence_last_value('status_indexes'), 0) >> $3 AS newest
        """,
        number << LIST_BITS,
        (number + 1) << LIST_BITS,
        LIST_BITS,
    )
    assert row is not None  # noqa: S101 - a SELECT of expressions has one row
    return StoredList(row["revoked"], row["newest"])


async def holder(
    db: Database, *, status_idx: int | None = None, family_id: uuid.UUID | None = None
) -> Holder | None:
    """Return whom this index belongs to, or the login of this family; None if nobody (any more)."""
    row = await db.fetchrow(
        """
        SELECT status_idx, client_id, family_id, sub FROM refresh_token_families
        WHERE status_idx = $1 OR family_id = $2
        UNION ALL
        SELECT status_idx, client_id, NULL, NULL FROM clients WHERE status_idx = $1
        """,
        status_idx,
        family_id,
    )
    return None if row is None else Holder(*row.values())


async def is_revoked(db: Database, idx: int) -> bool:
    """Tell whether the bit is set."""
    revoked: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM revoked_statuses WHERE idx = $1)", idx
    )
    return revoked


async def forget(db: Database, margin: int, now: datetime) -> int:
    """Remove what no token can need any more; return how many.

    That is when the longest-lived token under any key that still verifies has expired, plus
    `margin` in seconds.
    """
    removed: str = await db.execute(
        """
        DELETE FROM revoked_statuses WHERE $2 >= revoked_at + make_interval(secs => $1 + (
            SELECT max(token_lifetime) FROM signing_keys WHERE removed_at IS NULL))
        """,
        margin,
        now,
    )
    return int(removed.rpartition(" ")[2])
