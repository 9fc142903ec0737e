"""What the service does in the background: get ready, then follow the key ring and turn it.

The ring is polled, not announced by LISTEN/NOTIFY: a poll cannot be lost (see
docs/decisions/0003-polling-the-key-ring.md).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from auth_service import (
    authorization,
    backchannel_logout,
    client_assertions,
    device_authorization,
    ended_log_ins,
    mails,
    pushed_requests,
    registration,
)
from auth_service.key_encryption import KeyEncryptionKeyRefused
from auth_service.server import AuthorizationServer
from auth_service.store import privileges, throttles
from shared.database import UNAVAILABLE, MigrationRefused, NotMigrated
from shared.errors import TemporarilyUnavailable

_LOG = logging.getLogger(__name__)
_POLL: Final = 1.0  # seconds; another process's rotation is seen so soon
_FORGET_EVERY: Final = 60.0  # seconds
_GO_THROUGH_EVERY: Final = 3600.0  # seconds, for what has to be looked at row by row


@asynccontextmanager
async def kept_up(server: AuthorizationServer) -> AsyncIterator[None]:
    """Prepare the server and look after it; when the database is down, go on trying."""
    prepared = await _succeeds(lambda: _prepare(server))
    tasks = [
        asyncio.create_task(_keep_up(server, prepared=prepared)),
        asyncio.create_task(_keep_forgetting(server)),
        asyncio.create_task(_keep_going_through(server)),
        asyncio.create_task(_keep_telling(server)),
        asyncio.create_task(_keep_mailing(server)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep_up(server: AuthorizationServer, *, prepared: bool) -> None:
    well = prepared
    while True:
        await asyncio.sleep(_POLL)
        if prepared:
            well = await _succeeds(lambda: _turn(server), well=well)
        else:
            well = prepared = await _succeeds(lambda: _prepare(server), well=well)


async def _keep_forgetting(server: AuthorizationServer) -> None:
    """Remove what nobody needs any more; several processes may, it is one."""
    well = True
    while True:
        await asyncio.sleep(_FORGET_EVERY)
        well = await _succeeds(lambda: _forget(server), well=well)


async def _keep_going_through(server: AuthorizationServer) -> None:
    """Remove log-ins that are over; the first time soon after the start."""
    well, wait = True, _FORGET_EVERY
    while True:
        await asyncio.sleep(wait)
        well = await _succeeds(lambda: ended_log_ins.forget(server), well=well)
        wait = _GO_THROUGH_EVERY


async def _keep_telling(server: AuthorizationServer) -> None:
    """Tell clients of log-outs; several processes may, each client is told by one."""
    well = True
    while True:
        await asyncio.sleep(_POLL)
        well = await _succeeds(lambda: _tell(server), well=well)


async def _keep_mailing(server: AuthorizationServer) -> None:
    """Send mails, where there is a relay; several processes may, each mail is sent by one."""
    well = True
    while server.settings.smtp_url is not None:
        await asyncio.sleep(_POLL)
        well = await _succeeds(lambda: _mail(server), well=well)


async def _mail(server: AuthorizationServer) -> None:
    while await mails.send_due(server):
        pass


async def _tell(server: AuthorizationServer) -> None:
    with suppress(TemporarilyUnavailable):  # no key to sign with, which others have told by now
        while await backchannel_logout.deliver(server):
            pass


async def _forget(server: AuthorizationServer) -> None:
    await server.status_lists.forget(server.db)
    await authorization.forget(server)
    await backchannel_logout.forget(server)
    await mails.forget(server)
    await client_assertions.forget(server)
    await pushed_requests.forget(server)
    await throttles.forget(server.db, server.time())
    await device_authorization.forget(server)
    await registration.forget(server)


async def _prepare(server: AuthorizationServer) -> None:
    await server.prepare()
    if await privileges.may_change_audit_log(server.db):
        _LOG.warning(
            "the audit log is not append-only: the role in AUTH_DATABASE_URL may change it; "
            "docs/audit.md says how to give the service a role of its own"
        )


async def _turn(server: AuthorizationServer) -> None:
    """See what others did with the ring, then do what is due."""
    await server.keys.reload(server.db)
    await server.rotation.advance(server.db, server.keys.stored)


async def _succeeds(work: Callable[[], Awaitable[None]], *, well: bool = True) -> bool:
    """Do it and tell whether it worked; a failure is logged unless it was not `well` before."""
    try:
        await work()
    except UNAVAILABLE as error:
        if well:
            _LOG.warning("the database does not answer: %s", type(error).__name__)
    except (MigrationRefused, NotMigrated, KeyEncryptionKeyRefused) as error:
        if well:
            _LOG.error("not ready: %s", error)
    except Exception:  # noqa: BLE001 - it must not end: a rotation would never be seen
        _LOG.exception("upkeep failed")
    else:
        return True
    return False
