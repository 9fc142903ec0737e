"""This service's PostgreSQL: opened when first needed, migrated in the background."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import asyncpg

from shared.database import UNAVAILABLE, Pool, create_pool, migrate
from shared.errors import TemporarilyUnavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LONGEST_PAUSE: Final = 15.0  # seconds between two attempts to migrate
_STATEMENT: Final = 5.0  # seconds until a statement is given up
_LOG = logging.getLogger(__name__)

State = Literal["starting", "ready", "unreachable", "refused"]


class Database:
    """A pool that the service can start without."""

    def __init__(self, url: str, *, size: int) -> None:
        self.state: State = "starting"  # as last seen, without asking
        self._url = url
        self._size = size
        self._pool: Pool | None = None
        self._migrated = False

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Begin to migrate, and lend connections until the end; waits for nothing."""
        self._pool = await create_pool(self._url, size=self._size, command_timeout=_STATEMENT)
        migrating = asyncio.create_task(self._migrate(), name="migrate the database")
        try:
            yield
        finally:
            migrating.cancel()
            await asyncio.wait([migrating])
            await _close(self._pool)

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        """Lend a connection; `TemporarilyUnavailable` if there is none, or it is lost meanwhile.

        The one place where a database out of reach becomes an answer.
        """
        if self._pool is None or not self._migrated:
            raise TemporarilyUnavailable("the database is not ready", retry_after=2)
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except UNAVAILABLE as error:
            self.state = "unreachable"
            raise TemporarilyUnavailable(
                "the database is out of reach", reason=repr(error), retry_after=2
            ) from error
        self.state = "ready"

    async def _migrate(self) -> None:
        """Try until it is done; several replicas may, one does it (`shared.database.migrate`)."""
        pause = 0.5
        while not self._migrated:
            try:
                await self._migrate_once()
            except UNAVAILABLE as error:
                self.state = "unreachable"
                _LOG.warning("the database is out of reach: %r", error)
            except Exception:  # noqa: BLE001 - it may be mended while we run
                self.state = "refused"
                _LOG.exception("the database cannot be migrated")
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _migrate_once(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=5)
        try:
            for name in await migrate(connection, MIGRATIONS):
                _LOG.info("applied the migration %s", name)
        finally:
            await connection.close(timeout=1)
        self._migrated = True
        self.state = "ready"


async def _close(pool: Pool) -> None:
    """Let what is running come to its end, but not for ever."""
    try:
        async with asyncio.timeout(3):
            await pool.close()
    except TimeoutError:
        pool.terminate()
