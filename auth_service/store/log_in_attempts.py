"""The begin of every log-in: whose it would be, and whether it may be tried now.

One statement for both: each more makes a log-in 1 % dearer, since the hash of another one has
emptied the processor's caches meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime

from auth_service.store import Database
from auth_service.store.statements import Statements
from auth_service.store.throttles import SECONDS, TAKEN, TAKING, Throttle, parameters, wait
from auth_service.store.users import COLUMNS, NAMED, User


async def begin(
    db: "Database | Statements", username: str, throttles: Sequence[Throttle], now: datetime
) -> tuple[User | None, int]:
    """Return the user with exactly this name, disabled or not, and count one more of each throttle.

    Returns 0 with him, or how many seconds are to be waited; see `throttles.take`.
    """
    row = await db.fetchrow(
        f"""
        {TAKING}
        SELECT {TAKEN} AS taken, {SECONDS} AS seconds, found.*
        FROM (SELECT) AS always LEFT JOIN (
            SELECT {COLUMNS} FROM users WHERE {NAMED.format("$5")}) AS found ON true
        """,  # noqa: S608 - constants
        *parameters(throttles, now),
        username,
    )
    assert row is not None  # noqa: S101 - of `always`
    taken, seconds, *columns = row.values()
    return None if columns[0] is None else User(*columns), wait(taken=taken, seconds=seconds)
