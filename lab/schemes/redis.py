"""`redis`: a session in Redis (or Valkey), which all replicas ask on every request.

Only the SHA-256 of a session's id is stored. The idle time is the key's own time to live, begun
anew by the look-up itself (GETEX); the absolute limit is in the value.
"""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

import msgspec
from fastapi import FastAPI
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from lab.client import Headers
from lab.schemes import Person, Places, Scheme, serving, session_app
from lab.schemes.session_app import IDLE_TIMEOUT, LIFETIME
from lab.schemes.store_settings import StoreSettings
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.errors import TemporarilyUnavailable

_PIPELINE: Final = 500  # commands sent at once when many sessions are written


class Session(msgspec.Struct, frozen=True):
    """What is stored; `ends_at` is in seconds since 1970."""

    user: AccessToken
    ends_at: float


class RedisStore:
    """Sessions as keys with a time to live."""

    def __init__(self, url: str) -> None:
        self._valkey = connect(url)
        self._decode = msgspec.json.Decoder(Session).decode

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Close the connections at the end; they are opened when they are needed."""
        try:
            yield
        finally:
            await self._valkey.aclose()

    async def open(self, user: AccessToken) -> str:
        """Begin a session."""
        session_id = secrets.token_urlsafe(32)
        with availability():
            await self._valkey.set(key(session_id), record(user), ex=int(IDLE_TIMEOUT))
        return session_id

    async def read(self, session_id: str) -> AccessToken | None:
        """Return the session's user, and begin its idle time anew."""
        with availability():
            value = await self._valkey.getex(key(session_id), ex=int(IDLE_TIMEOUT))
        if value is None:
            return None
        session = self._decode(value)
        return session.user if time.time() < session.ends_at else None

    async def close(self, session_id: str) -> None:
        """End a session."""
        with availability():
            await self._valkey.delete(key(session_id))


class availability:  # noqa: N801 - it reads as a statement
    """Turn what the client raises into 503; a class, since a generator costs more per request."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise `TemporarilyUnavailable` for what the client raised."""
        if isinstance(error, ValkeyError | OSError | TimeoutError):
            raise TemporarilyUnavailable(
                "the sessions are out of reach", reason=repr(error), retry_after=2
            ) from error


def connect(url: str) -> Valkey:
    """Return a client; nobody waits longer than 3 s for it. Takes redis:// addresses as well."""
    client: Valkey = Valkey.from_url(
        url.replace("redis", "valkey", 1) if url.startswith("redis") else url,
        socket_timeout=3.0,
        socket_connect_timeout=1.0,
    )
    return client


def key(session_id: str) -> str:
    """Return the name under which a session is kept."""
    return f"session:{sha256(session_id.encode()).hexdigest()}"


def record(user: AccessToken) -> bytes:
    """Return what is kept of a session that begins now."""
    return msgspec.json.encode(Session(user, time.time() + LIFETIME))


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with sessions in Redis."""
    own = StoreSettings.load()
    store = RedisStore(own.store_url.get_secret_value())
    app = session_app.create_app(settings, own, store)
    session_app.keep_open(app, store.opened())
    return app


async def _seed(places: Places, people: Sequence[Person]) -> list[Headers]:
    ids = [secrets.token_urlsafe(32) for _ in people]
    valkey = connect(places.redis_url)
    try:
        for first in range(0, len(ids), _PIPELINE):
            pipeline = valkey.pipeline(transaction=False)
            for of, person in list(zip(ids, people, strict=True))[first : first + _PIPELINE]:
                pipeline.set(key(of), record(person.claims), ex=int(IDLE_TIMEOUT))
            await pipeline.execute()
    finally:
        await valkey.aclose()
    return [session_app.cookie(of) for of in ids]


SCHEME: Final = Scheme(
    name="redis",
    title="session in Redis",
    module="lab.schemes.redis",
    log_in=session_app.log_in,
    seed=_seed,
    variables=("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_STORE_URL"),
    store="redis",
)

if __name__ == "__main__":
    serving.main(create_app)
