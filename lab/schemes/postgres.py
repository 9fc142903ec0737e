"""`postgres`: a session in PostgreSQL, which all replicas ask on every request.

Only the SHA-256 of a session's id is stored. The end of its idle time is moved at most once in
`touch_every` seconds, as most session libraries do it; with 0 every request is a write.
"""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

import asyncpg
import msgspec
from fastapi import FastAPI

from lab.client import Headers
from lab.schemes import Person, Places, Scheme, serving, session_app
from lab.schemes.session_app import IDLE_TIMEOUT, LIFETIME
from lab.schemes.store_settings import StoreSettings
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.database import UNAVAILABLE, Pool, create_pool
from shared.errors import TemporarilyUnavailable

TABLE: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    id_sha256 bytea PRIMARY KEY,
    claims bytea NOT NULL,
    idle_at double precision NOT NULL,
    ends_at double precision NOT NULL
) WITH (fillfactor = 70)
"""
_READ: Final = (
    "SELECT claims, idle_at FROM sessions WHERE id_sha256 = $1 AND least(idle_at, ends_at) > $2"
)
_READ_BURDENED: Final = (
    "SELECT claims, idle_at FROM sessions WHERE id_sha256 = $1 AND least(idle_at, ends_at) > $2"
    " AND (SELECT count(*) FROM generate_series(1, $3::int)) >= 0"
)
_TOUCH: Final = (
    "UPDATE sessions SET idle_at = $3 WHERE id_sha256 = $1 AND least(idle_at, ends_at) > $2"
    " RETURNING claims"
)


class PostgresStore:
    """Sessions in one table. Times are in seconds since 1970, by the replica's clock."""

    def __init__(self, url: str, *, size: int, touch_every: float, burden: int = 0) -> None:
        self._url = url
        self._size = size
        self._touch_every = touch_every
        self._burden = burden
        self._pool: Pool | None = None
        self._decode = msgspec.json.Decoder(AccessToken).decode

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Lend connections until the end; the first is opened when it is needed."""
        async with create_pool(self._url, size=self._size, command_timeout=3) as self._pool:
            yield

    async def open(self, user: AccessToken) -> str:
        """Begin a session."""
        session_id = secrets.token_urlsafe(32)
        now = time.time()
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO sessions VALUES ($1, $2, $3, $4)", *_row(session_id, user, now)
            )
        return session_id

    async def read(self, session_id: str) -> AccessToken | None:
        """Return the session's user; with one statement, and a second one if it is to be noted."""
        key, now = _key(session_id), time.time()
        async with self._connection() as connection:
            if self._touch_every == 0:
                claims = await connection.fetchval(_TOUCH, key, now, now + IDLE_TIMEOUT)
                return None if claims is None else self._decode(claims)
            if self._burden:
                row = await connection.fetchrow(_READ_BURDENED, key, now, self._burden)
            else:
                row = await connection.fetchrow(_READ, key, now)
            if row is None:
                return None
            if row["idle_at"] < now + IDLE_TIMEOUT - self._touch_every:
                await connection.execute(_TOUCH, key, now, now + IDLE_TIMEOUT)
        return self._decode(row["claims"])

    async def close(self, session_id: str) -> None:
        """End a session."""
        async with self._connection() as connection:
            await connection.execute("DELETE FROM sessions WHERE id_sha256 = $1", _key(session_id))

    @asynccontextmanager
    async def _connection(
        self,
    ) -> "AsyncIterator[asyncpg.pool.PoolConnectionProxy[asyncpg.Record]]":
        assert self._pool is not None  # noqa: S101 - entered before the first request
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except UNAVAILABLE as error:
            raise TemporarilyUnavailable(
                "the sessions are out of reach", reason=repr(error), retry_after=2
            ) from error


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with sessions in PostgreSQL."""
    own = StoreSettings.load()
    store = PostgresStore(
        own.store_url.get_secret_value(),
        size=settings.database_pool_size,
        touch_every=own.touch_every,
        burden=own.burden,
    )
    app = session_app.create_app(settings, own, store)
    session_app.keep_open(app, store.opened())
    return app


def _key(session_id: str) -> bytes:
    return sha256(session_id.encode()).digest()


def _row(session_id: str, user: AccessToken, now: float) -> tuple[bytes, bytes, float, float]:
    return _key(session_id), msgspec.json.encode(user), now + IDLE_TIMEOUT, now + LIFETIME


async def _seed(places: Places, people: Sequence[Person]) -> list[Headers]:
    ids = [secrets.token_urlsafe(32) for _ in people]
    now = time.time()
    connection = await asyncpg.connect(places.database_url)
    try:
        await connection.execute(TABLE)
        rows = [_row(of, person.claims, now) for of, person in zip(ids, people, strict=True)]
        await connection.copy_records_to_table("sessions", records=rows)
        await connection.execute("ANALYZE sessions")
    finally:
        await connection.close()
    return [session_app.cookie(of) for of in ids]


SCHEME: Final = Scheme(
    name="postgres",
    title="session in PostgreSQL",
    module="lab.schemes.postgres",
    log_in=session_app.log_in,
    seed=_seed,
    variables=("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_STORE_URL"),
    store="postgres",
)

if __name__ == "__main__":
    serving.main(create_app)
