"""Throttles: how often something was done lately, by key, the same for every process.

A row that is lost with the last half second of a crashed PostgreSQL does little harm, so nobody
waits for the disk; see `store.WITHOUT_WAITING`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auth_service.store import WITHOUT_WAITING, Database
from auth_service.store.statements import Statements

LONGEST: Final = 60  # seconds that anybody is made to wait


@dataclass(frozen=True, slots=True)
class Throttle:
    """What is counted, by a key that nobody can undo.

    So many are `free`, two at least; after that each waits twice as long as the one before,
    `LONGEST` at most. One is forgotten every `leak` seconds.
    """

    key: bytes
    free: int
    leak: int


_EMPTY_AT: Final = "greatest(old.empty_at, $4) + excluded.leak * interval '1 second'"
_BEYOND: Final = f"ceil(extract(epoch FROM {_EMPTY_AT} - $4) / excluded.leak) - excluded.free"


# What a statement begins with that counts one more of each throttle; see `take`.
TAKING: Final = f"""
    {WITHOUT_WAITING}, wanted AS (
        SELECT * FROM unnest($1::bytea[], $2::integer[], $3::integer[]) AS x (key, free, leak)
    ), waiting AS (
        SELECT max(free_at) AS until FROM throttles JOIN wanted USING (key) WHERE free_at > $4
    ), taken AS (
        INSERT INTO throttles AS old (key, free, leak, empty_at, free_at)
        SELECT key, free, leak, $4::timestamptz + leak * interval '1 second', '-infinity'
        FROM wanted, waiting, without_waiting WHERE until IS NULL
        ORDER BY key
        ON CONFLICT (key) DO UPDATE SET
            free = excluded.free,
            leak = excluded.leak,
            empty_at = {_EMPTY_AT},
            free_at = CASE WHEN {_BEYOND} < 0 THEN '-infinity' ELSE
                $4 + interval '1 second' * least({LONGEST}, 2 ^ least(10, {_BEYOND}))
            END
        WHERE old.free_at <= $4
        RETURNING true
    )
"""  # noqa: S608 - constants
# What it then knows, for `wait`.
TAKEN: Final = "(SELECT count(*) FROM taken) = cardinality($1)"
SECONDS: Final = "ceil(extract(epoch FROM (SELECT until FROM waiting) - $4))::integer"


async def take(db: "Database | Statements", throttles: Sequence[Throttle], now: datetime) -> int:
    """Count one more of each and return 0, or return how many seconds are to be waited.

    Each row tests and counts by itself, so of any number of concurrent calls as many get through
    as may. Who has to wait by one throttle is counted by none, but for a call that overtakes.
    `now` may be a little earlier than that of a call before: nobody waits who need not.
    """
    row = await db.fetchrow(
        f"{TAKING} SELECT {TAKEN} AS taken, {SECONDS} AS seconds",
        *parameters(throttles, now),
    )
    assert row is not None  # noqa: S101 - a SELECT of expressions has one row
    return wait(taken=row["taken"], seconds=row["seconds"])


def parameters(throttles: Sequence[Throttle], now: datetime) -> tuple[object, ...]:
    """Return the parameters of `TAKING`."""
    return (
        [throttle.key for throttle in throttles],
        [throttle.free for throttle in throttles],
        [throttle.leak for throttle in throttles],
        now,
    )


def wait(*, taken: bool, seconds: int | None) -> int:
    """Return how many seconds are to be waited; 0 if every throttle was taken."""
    return 0 if taken else max(1, seconds or 1)


async def give_back(
    db: "Database | Statements",
    throttles: Sequence[Throttle],
    now: datetime,
    *,
    cleared: bytes | None = None,
) -> None:
    """Take back one count of each, and all that were made under the key `cleared`."""
    # In the order of the keys, as `take` goes: two of these never wait for each other.
    await db.fetchrow(
        f"""
        {WITHOUT_WAITING}, locked AS (
            SELECT key FROM throttles, without_waiting WHERE key = ANY($1)
            ORDER BY key FOR UPDATE OF throttles
        )
        UPDATE throttles SET
            empty_at = CASE throttles.key
                WHEN $3 THEN $2 ELSE empty_at - leak * interval '1 second'
            END,
            free_at = '-infinity'
        FROM locked WHERE throttles.key = locked.key
        """,  # noqa: S608 - a constant
        [throttle.key for throttle in throttles],
        now,
        cleared,
    )


async def forget(db: Database, now: datetime) -> None:
    """Remove what has been forgotten."""
    await db.execute("DELETE FROM throttles WHERE empty_at <= $1 AND free_at <= $1", now)
