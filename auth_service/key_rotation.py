"""Taking the steps of the key ring: each in one transaction, under one lock.

Of any number of processes that want the same step one takes it, and the others find it done.
Planned steps ask `key_schedule` first; emergencies do not, but they too let the next key sign
only when every issuer that sees the database publishes it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from auth_service import key_schedule
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.key_schedule import Due, Refusal, Ring
from auth_service.settings import Settings
from auth_service.store import Connection, Pool, audit_log, signing_keys
from auth_service.store.audit_log import Event
from auth_service.store.signing_keys import StoredKey
from shared.jws import SigningKey

_LOG = logging.getLogger(__name__)


class StepRefused(Exception):
    """A step that would break a verifier, or makes no sense; `possible_at` says when it may be."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.possible_at = refusal.possible_at


@dataclass(frozen=True, slots=True)
class _Change:
    """A change under way: the ring is as it was before it; `done` goes to the log at the end."""

    connection: Connection
    ring: Ring
    now: datetime
    done: list[tuple[Event, str]] = field(default_factory=list)

    def key(self, kid: str) -> StoredKey:
        for key in self.ring:
            if key.kid == kid:
                return key
        raise StepRefused(Refusal(f"there is no key {kid}", None))

    async def record(self, event: Event, kid: str) -> None:
        self.done.append((event, kid))
        await audit_log.record(self.connection, event, self.now, kid=kid)


class KeyRotation:
    """Changes the ring in the database; `KeyRing` reads it."""

    def __init__(
        self,
        settings: Settings,
        key_encryption_key: KeyEncryptionKey,
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._key_encryption_key = key_encryption_key
        self._now = now
        self._pause = pause

    async def bootstrap(self, db: Pool) -> None:
        """Make the first two keys, one active and the next, if the database has none."""
        async with self._change(db) as change:
            if not key_schedule.present(change.ring):
                kid = await self._publish(change)
                await self._activate(change, kid)
                await self._publish(change)

    async def rotate(self, db: Pool) -> str:
        """Let the next key sign, retire the active one, publish a new next; return the `kid`.

        Raises `StepRefused` if a verifier may not know the next key yet.
        """
        async with self._change(db) as change:
            refusal = key_schedule.rotation_refused(change.ring, change.now, self._settings)
            if refusal is not None:
                raise StepRefused(refusal)
            await self._remove_due(change)
            return await self._take_over(change)

    async def advance(self, db: Pool, ring: Ring) -> None:
        """Take the steps whose time has come; nothing is asked of the database if none has."""
        if not key_schedule.due(ring, self._time(), self._settings):
            return
        async with self._change(db) as change:
            due = await self._remove_due(change)
            if due.rotate:
                await self._take_over(change)
            elif due.publish:
                await self._publish(change)

    async def remove(self, db: Pool, kid: str) -> None:
        """Remove a retired key; `StepRefused` while a token under it may still be good."""
        async with self._change(db) as change:
            refusal = key_schedule.removal_refused(change.key(kid), change.now, self._settings)
            if refusal is not None:
                raise StepRefused(refusal)
            await self._remove(change, kid)

    async def rotate_in_emergency(self, db: Pool, active: str, *, fresh: bool, revoke: bool) -> str:
        """Let the next key sign though verifiers may not know it; return its `kid`.

        `active` is the `kid` to replace: if it does not sign any more, somebody else was
        faster, and the call is refused. `fresh`: distrust the published next key too, and make
        another. `revoke`: remove `active` at once, so that every token under it is refused.
        Waits until the issuers publish the key that is to sign.
        """
        following = await self._settled_next(db, discard=fresh)
        async with self._change(db) as change:
            if change.key(active).state != "active":
                raise StepRefused(Refusal(f"{active} does not sign any more", None))
            if change.key(following).state != "published":
                raise StepRefused(Refusal("the next key has changed meanwhile: try again", None))
            return await self._take_over(change, revoke=revoke)

    async def revoke(self, db: Pool, kid: str) -> None:
        """Remove a key at once, whatever it is needed for; if it was active, the next takes over.

        `StepRefused` if there is no such key.
        """
        active = key_schedule.in_state(await signing_keys.ring(db, self._time()), "active")
        if active is not None and active.kid == kid:
            await self._settled_next(db, discard=False)
        async with self._change(db) as change:
            state = change.key(kid).state
            if state == "removed":
                raise StepRefused(Refusal(f"{kid} has been removed already", None))
            if state == "active":
                await self._take_over(change, revoke=True)
                return
            await self._remove(change, kid, revoked=True)
            if state == "published":
                await self._publish(change)

    async def _settled_next(self, db: Pool, *, discard: bool) -> str:
        """Return the next key's `kid` once every issuer that sees the database publishes it."""
        async with self._change(db) as change:
            following = key_schedule.in_state(change.ring, "published")
            if following is not None and discard:
                await self._remove(change, following.kid, revoked=True)
                following = None
            published_at = change.now if following is None else following.published_at
            kid = await self._publish(change) if following is None else following.kid
            wait = key_schedule.SETTLE - (change.now - published_at).total_seconds()
        await self._pause(min(max(wait, 0), key_schedule.SETTLE))
        return kid

    async def _take_over(self, change: _Change, *, revoke: bool = False) -> str:
        """Let the next key sign in the place of the active one, and publish another."""
        active = key_schedule.in_state(change.ring, "active")
        following = key_schedule.in_state(change.ring, "published")
        if active is None or following is None:
            raise StepRefused(Refusal("there is no key to rotate", None))
        if revoke:
            await self._remove(change, active.kid, revoked=True)
        else:
            await signing_keys.retire(change.connection, active.kid, change.now)
            await change.record(Event.KEY_RETIRED, active.kid)
        await self._activate(change, following.kid)
        await self._publish(change)
        return following.kid

    async def _activate(self, change: _Change, kid: str) -> None:
        await signing_keys.activate(change.connection, kid, change.now)
        await change.record(Event.KEY_ACTIVATED, kid)

    async def _remove_due(self, change: _Change) -> Due:
        """Remove what has had its time; return everything that is due."""
        due = key_schedule.due(change.ring, change.now, self._settings)
        for kid in due.remove:
            await self._remove(change, kid)
        return due

    async def _remove(self, change: _Change, kid: str, *, revoked: bool = False) -> None:
        await signing_keys.remove(change.connection, kid, change.now, revoked=revoked)
        await change.record(Event.KEY_REVOKED if revoked else Event.KEY_REMOVED, kid)

    async def _publish(self, change: _Change) -> str:
        """Make a key of the size in the settings, encrypted under the key of all the others."""
        key = await asyncio.to_thread(SigningKey.generate, self._settings.signing_key_bits)
        wrapping = self._key_encryption_key
        for other in change.ring:
            if other.encrypted_private is not None:
                wrapping = wrapping.alike(other.encrypted_private, name=name(other.kid))
                break
        await signing_keys.publish(
            change.connection,
            key.kid,
            wrapping.encrypt(key.to_der(), name=name(key.kid)),
            self._settings.jwks_max_age,
            change.now,
        )
        await change.record(Event.KEY_PUBLISHED, key.kid)
        return key.kid

    @asynccontextmanager
    async def _change(self, db: Pool) -> AsyncIterator[_Change]:
        async with db.acquire() as connection, connection.transaction():
            await signing_keys.lock(connection)
            now = self._time()
            change = _Change(connection, await signing_keys.ring(connection, now), now)
            yield change
        for event, kid in change.done:
            _LOG.info("%s: %s", event, kid)

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)


def name(kid: str) -> str:
    """Return what a private key is bound to when it is encrypted."""
    return f"signing key {kid}"
