"""The key ring: signs with one key, publishes several, rotates; `kid` is the RFC 7638 thumbprint.

A key is *published* before it is *active* (it signs), then *retired* (it only verifies), then
*removed*. What a verifier has cached is thus always enough: the next key has been in the JWKS
for twice the time that a verifier may cache it, and an old one leaves the JWKS when the last
token under it has expired.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from auth_service.key_encryption import KeyEncryptionKey
from auth_service.settings import Settings
from auth_service.store import Connection, Database, Pool, signing_keys
from auth_service.store.signing_keys import StoredKey
from shared.errors import TemporarilyUnavailable
from shared.jws import SigningKey, VerificationKey

LEEWAY: Final = 30  # seconds; a verifier may accept a token so long after `exp`


class RotationRefused(Exception):
    """The next key must not sign yet; `possible_at` says when it may."""

    def __init__(self, possible_at: datetime) -> None:
        super().__init__(
            "verifiers may not know the next key yet; "
            f"rotation is possible at {possible_at.isoformat(timespec='seconds')}"
        )
        self.possible_at = possible_at


@dataclass(frozen=True, slots=True)
class Jwks:
    """The JWK Set as it goes over the wire (RFC 7517 §5), with its entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _View:
    """What the ring works with until it is read again; replaced as a whole."""

    stored: tuple[StoredKey, ...] = ()
    signing: SigningKey | None = None
    verification: dict[str, VerificationKey] = field(default_factory=dict)
    jwks: Jwks | None = None


class KeyRing:
    """The issuer's keys, read from the database; it goes on with what it has when that is down.

    Also the issuer's own `shared.access_token.KeySet`.
    """

    def __init__(
        self, settings: Settings, key_encryption_key: KeyEncryptionKey, now: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._key_encryption_key = key_encryption_key
        self._now = now
        self._view = _View()
        self._loaded: dict[str, tuple[SigningKey, VerificationKey]] = {}

    def sign(self, payload: bytes, *, typ: str) -> str:
        """Sign with the active key; `TemporarilyUnavailable` before the first `reload`."""
        key = self._view.signing
        if key is None:
            raise TemporarilyUnavailable(reason="no signing key at hand yet")
        return key.sign(payload, typ=typ)

    @property
    def active_kid(self) -> str:
        """The `kid` of the key that signs; `TemporarilyUnavailable` before the first `reload`."""
        if self._view.signing is None:
            raise TemporarilyUnavailable(reason="no signing key at hand yet")
        return self._view.signing.kid

    @property
    def jwks(self) -> Jwks:
        """Every key that may have signed a token that is still good, and the next one."""
        if self._view.jwks is None:
            raise TemporarilyUnavailable(reason="no signing key at hand yet")
        return self._view.jwks

    @property
    def usable(self) -> bool:
        """Whether there is a key to sign with."""
        return self._view.signing is not None

    def trusted(self, kid: str) -> VerificationKey | None:
        """Return the key with this `kid` (see `shared.access_token.KeySet`)."""
        return self._view.verification.get(kid)

    async def key(self, kid: str) -> VerificationKey | None:
        """Return the key with this `kid`; nothing more is to be had by waiting."""
        return self.trusted(kid)

    async def bootstrap(self, db: Pool) -> None:
        """Make the first two keys, one active and the next, if the database has none."""
        async with db.acquire() as connection, connection.transaction():
            await signing_keys.lock(connection)
            if await signing_keys.present(connection):
                return
            now = self._time()
            kid = await self._publish(connection, now)
            await signing_keys.activate(connection, kid, now)
            await self._publish(connection, now)

    async def rotate(self, db: Pool) -> str:
        """Let the next key sign, retire the active one, publish a new next; return the `kid`.

        All in one transaction under a lock, so that of any number of concurrent calls one
        rotates. Raises `RotationRefused` if the next key has been published for less than
        twice the time that the JWKS may be cached.
        """
        async with db.acquire() as connection, connection.transaction():
            await signing_keys.lock(connection)
            present = {key.state: key for key in await signing_keys.present(connection)}
            now, following = self._time(), present["published"]
            possible_at = following.published_at + timedelta(
                seconds=2 * self._settings.jwks_max_age
            )
            if now < possible_at:
                raise RotationRefused(possible_at)
            await signing_keys.retire(connection, present["active"].kid, now)
            await signing_keys.activate(connection, following.kid, now)
            await self._publish(connection, now)
        return following.kid

    async def reload(self, db: Database) -> None:
        """Read the ring anew, and remove what has had its time.

        Raises `KeyEncryptionKeyRefused` if the keys were encrypted with another one.
        """
        await signing_keys.remove(db, LEEWAY + self._settings.jwks_max_age, self._time())
        stored = tuple(await signing_keys.present(db))
        if stored == self._view.stored:
            return
        for key in stored:
            if key.kid not in self._loaded:
                self._loaded[key.kid] = await asyncio.to_thread(self._load, key)
        active = next((key for key in stored if key.state == "active"), None)
        if active is not None:
            await signing_keys.extend_token_lifetime(
                db, active.kid, self._settings.access_token_lifetime
            )
        self._loaded = {key.kid: self._loaded[key.kid] for key in stored}
        self._view = _View(
            stored=stored,
            signing=None if active is None else self._loaded[active.kid][0],
            verification={kid: public for kid, (_, public) in self._loaded.items()},
            jwks=_jwks([private for private, _ in self._loaded.values()]),
        )

    async def _publish(self, connection: Connection, now: datetime) -> str:
        key = await asyncio.to_thread(SigningKey.generate, self._settings.signing_key_bits)
        encrypted = self._key_encryption_key.encrypt(key.to_der(), name=_name(key.kid))
        await signing_keys.publish(connection, key.kid, encrypted, now)
        return key.kid

    def _load(self, stored: StoredKey) -> tuple[SigningKey, VerificationKey]:
        der = self._key_encryption_key.decrypt(stored.encrypted_private, name=_name(stored.kid))
        key = SigningKey.from_der(der)
        return key, key.verification_key()

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)


def _name(kid: str) -> str:
    return f"signing key {kid}"


def _jwks(keys: list[SigningKey]) -> Jwks:
    body = json.dumps({"keys": [key.public_jwk for key in keys]}, separators=(",", ":")).encode()
    return Jwks(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
