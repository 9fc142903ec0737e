"""Ending what was issued before it expires: by a token of it (RFC 7009), or by its client.

What ends a user's log-ins is in `accounts`. Each of these sets bits in the status lists, in the
transaction that ends the thing itself.
"""

from datetime import datetime

from auth_service.introspection import read_access_token
from auth_service.server import AuthorizationServer
from auth_service.status_lists import status_idx
from auth_service.store import Connection, audit_log, clients, refresh_token_families, statuses
from auth_service.store.audit_log import Event
from auth_service.store.clients import Client
from auth_service.store.statuses import Holder
from shared.errors import InvalidGrant


async def revoke_token(server: AuthorizationServer, client: Client, token: str) -> None:
    """End what the token was issued for: a log-in, or all that the client got for itself.

    A log-in ends as a whole, whichever of its tokens is given, newest or not. A token that is
    none of ours, or good for nothing any more, changes nothing (RFC 7009 §2.2). One that was
    issued to another client is refused, as §2.1 demands: `InvalidGrant`.

    It is committed when this returns. Verifiers that poll the status list learn of it later.
    """
    holder = await _holder(server, token)
    if holder is None:
        return
    if holder.client_id != client.client_id:
        raise InvalidGrant(reason=f"{client.client_id!r} would revoke {holder.client_id!r}'s token")
    idx, client_id, now = holder.status_idx, client.client_id, server.time()
    if holder.sub is not None:
        await refresh_token_families.revoke(server.db, idx, client_id, now)
        return
    async with server.db.acquire() as connection, connection.transaction():
        if await clients.revoke_tokens(connection, client_id, idx, now):
            await audit_log.record(
                connection,
                Event.REVOKED,
                now,
                client_id=client_id,
                reason="the client's own tokens, revoked by it",
            )


async def disable_client(
    server: AuthorizationServer, client_id: str, *, by: str | None = None
) -> Client | None:
    """Disable a client, end its own tokens and every log-in at it; None if there is no such one."""
    async with server.db.acquire() as connection, connection.transaction():
        return await end_client(connection, client_id, server.time(), by=by)


async def end_client(
    connection: Connection, client_id: str, now: datetime, *, by: str | None = None
) -> Client | None:
    """Do the same within a transaction."""
    client = await clients.disable(connection, client_id, now)
    if client is not None:
        assert client.status_idx is not None  # noqa: S101 - it was read from the database
        await clients.revoke_tokens(connection, client_id, client.status_idx, now)
        await refresh_token_families.revoke_all_at(connection, client_id, now)
        await audit_log.record(connection, Event.CLIENT_DISABLED, now, client_id=client_id, by=by)
    return client


async def _holder(server: AuthorizationServer, token: str) -> Holder | None:
    """Find whose token it is; None for one that nothing is left to end of."""
    named = server.refresh_tokens.read(token)
    if named is not None:
        return await statuses.holder(server.db, family_id=named[0])
    claims = await read_access_token(server, token)
    if claims is None or claims.status is None:
        return None
    idx = status_idx(server.settings.issuer, claims.status.status_list)
    return None if idx is None else await statuses.holder(server.db, status_idx=idx)
