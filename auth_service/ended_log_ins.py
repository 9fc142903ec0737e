"""Log-ins at clients that are over, and how long their rows are kept (docs/retention.md).

Nothing needs them any more: every access token has expired long before, the list has no bit of
them, an index is never given out twice, and what happened is told by the audit log.
"""

import uuid
from datetime import timedelta
from typing import Final

from auth_service import accounts
from auth_service.server import AuthorizationServer
from auth_service.store import refresh_token_families
from auth_service.store.refresh_token_families import Over

# After the end. Far longer than any access token lives and any two clocks differ: until the last
# access token has expired, it is by this row that one finds what to revoke.
KEPT: Final = timedelta(days=7)
_AT_A_TIME: Final = 1000  # rows that one statement looks at


async def forget(server: AuthorizationServer) -> None:
    """Go through all log-ins and remove those that are over; several processes may, it is one."""
    alive = accounts.alive_since(server)
    over = Over(
        revoked_before=server.time() - KEPT,
        rotated_before=alive.used_after - KEPT,
        created_before=alive.authenticated_after - KEPT,
    )
    last: uuid.UUID | None = uuid.UUID(int=0)
    while last is not None:
        last = await refresh_token_families.forget(server.db, over, last, _AT_A_TIME)
