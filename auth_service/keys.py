"""The key ring: signs with one key and publishes several; `kid` is the RFC 7638 thumbprint.

A key is *published* before it is *active* (it signs), then *retired* (it only verifies), then
*removed*. `key_schedule` says when, `key_rotation` does it in the database, and the ring here
follows: it is read anew every second (see `upkeep`).
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from auth_service import key_schedule
from auth_service.key_encryption import KeyEncryptionKey, KeyEncryptionKeyRefused
from auth_service.key_rotation import name
from auth_service.key_schedule import Ring
from auth_service.settings import Settings
from auth_service.store import Database, signing_keys
from auth_service.store.signing_keys import StoredKey
from shared.errors import TemporarilyUnavailable
from shared.jws import SigningKey, VerificationKey
from shared.key_set import KeySet

_LOG = logging.getLogger(__name__)
_NEVER: Final = float("-inf")
_REWRAPPED: Final = (
    "the signing keys were encrypted anew: put the new key-encryption key in its file; what is"
    " in memory stays in use, but a restart would fail and a new signing key cannot be read"
)


@dataclass(frozen=True, slots=True)
class Jwks:
    """The JWK Set as it goes over the wire (RFC 7517 §5), with its entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A key in memory; `encrypted` is what it was read from, or was last seen as."""

    encrypted: bytes
    signing: SigningKey
    verification: VerificationKey


@dataclass(frozen=True, slots=True)
class _View:
    """What the ring works with until it is read again; replaced as a whole.

    `read_at`: when the database said that this key signs. `complete_at`: when it last said
    nothing that we could not read. Both on the monotonic clock.
    """

    stored: Ring = ()
    signing: SigningKey | None = None
    jwks: Jwks | None = None
    read_at: float = _NEVER
    complete_at: float = _NEVER


class KeyRing(KeySet):
    """The issuer's keys, read from the database.

    When that is down, or holds a key that we cannot decrypt, it goes on publishing what it has,
    for ever shorter times (`key_schedule.served_max_age`), and stops signing after
    `key_schedule.SIGNS_ON` seconds without the database: meanwhile the key may be retired.
    """

    def __init__(
        self,
        settings: Settings,
        key_encryption_key: KeyEncryptionKey,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(monotonic=monotonic)
        self._settings = settings
        self._key_encryption_key = key_encryption_key
        self._now = now
        self._view = _View()
        self._loaded: dict[str, _Loaded] = {}
        self.warning = ""  # what an operator must do, or empty

    def sign(self, payload: bytes, *, typ: str) -> str:
        """Sign with the active key; `TemporarilyUnavailable` if it is not sure which that is."""
        return self.require_signing().sign(payload, typ=typ)

    def require_signing(self) -> SigningKey:
        """Return the active key, or raise as `sign` does."""
        view = self._view
        if view.signing is None:
            raise TemporarilyUnavailable(reason="no signing key at hand yet")
        if self.monotonic() - view.read_at > key_schedule.SIGNS_ON:
            raise TemporarilyUnavailable(
                reason="the active key was not confirmed lately", retry_after=1
            )
        return view.signing

    @property
    def active_kid(self) -> str | None:
        """The `kid` of the key that signs; None before the first `reload`."""
        return None if self._view.signing is None else self._view.signing.kid

    @property
    def stored(self) -> Ring:
        """The ring as it was read last."""
        return self._view.stored

    @property
    def jwks(self) -> Jwks:
        """Every key that may have signed a token that is still good, and the next one."""
        if self._view.jwks is None:
            raise TemporarilyUnavailable(reason="no signing key at hand yet")
        return self._view.jwks

    @property
    def jwks_max_age(self) -> int:
        """How long, in seconds, the JWKS may be kept that is served now."""
        seen = self.monotonic() - self._view.complete_at
        return key_schedule.served_max_age(self._settings.jwks_max_age, seen)

    @property
    def usable(self) -> bool:
        """Whether there is a key to sign with, and none that we should publish but cannot read."""
        return self._view.signing is not None and self._view.complete_at == self._view.read_at

    async def reload(self, db: Database) -> None:
        """Read the ring anew.

        Raises `KeyEncryptionKeyRefused` if nothing could be read yet. Later, keys that cannot
        be decrypted become a `warning`, and those at hand stay in use.
        """
        read_at = self.monotonic()
        stored = await signing_keys.ring(db, datetime.fromtimestamp(self._now(), UTC))
        if stored == self._view.stored and not self.warning:
            self._view = replace(self._view, read_at=read_at, complete_at=read_at)
            return
        problem = await self._load(stored)
        if problem is not None and self._view.jwks is None:
            raise problem
        self._warn(problem)
        await self._record(db, stored)
        self._use(stored, read_at)

    async def _load(self, stored: Ring) -> KeyEncryptionKeyRefused | None:
        """Decrypt what is new or encrypted anew, and forget what is removed."""
        problem = None
        loaded = {}
        for key in key_schedule.present(stored):
            held = self._loaded.get(key.kid)
            try:
                if held is None or held.encrypted != key.encrypted_private:
                    held = await asyncio.to_thread(self._decrypt, key, held)
            except KeyEncryptionKeyRefused as error:
                problem = error
            if held is not None:
                loaded[key.kid] = held
        self._loaded = loaded
        return problem

    def _decrypt(self, key: StoredKey, held: _Loaded | None) -> _Loaded:
        """A key that is at hand stays the same object: verified tokens are kept with it."""
        encrypted = key.encrypted_private or b""
        der = self._key_encryption_key.decrypt(encrypted, name=name(key.kid))
        if held is not None:
            return replace(held, encrypted=encrypted)
        signing = SigningKey.from_der(der)
        return _Loaded(encrypted, signing, signing.verification_key())

    async def _record(self, db: Database, stored: Ring) -> None:
        """Note with the keys under which settings they are served and sign, before they do."""
        max_age, lifetime = self._settings.jwks_max_age, self._settings.longest_token_lifetime
        last = key_schedule.present(stored)[-1:]
        for key in last:
            if key.jwks_max_age < max_age:
                await signing_keys.extend_jwks_max_age(db, key.kid, max_age)
        active = key_schedule.in_state(stored, "active")
        if active is not None and active.token_lifetime < lifetime:
            await signing_keys.extend_token_lifetime(db, active.kid, lifetime)

    def _use(self, stored: Ring, read_at: float) -> None:
        complete = len(self._loaded) == len(key_schedule.present(stored))
        active = key_schedule.in_state(stored, "active")
        signer = None if active is None else self._loaded.get(active.kid)
        self.use(key.verification for key in self._loaded.values())
        self._view = _View(
            stored=stored,
            signing=None if signer is None else signer.signing,
            jwks=_jwks([key.signing for key in self._loaded.values()]),
            read_at=read_at,
            complete_at=read_at if complete else self._view.complete_at,
        )

    def _warn(self, problem: KeyEncryptionKeyRefused | None) -> None:
        warning = "" if problem is None else _REWRAPPED
        if warning and not self.warning:
            _LOG.error("%s: %s (it is read again every second)", warning, problem)
        elif self.warning and not warning:
            _LOG.info("the key-encryption key fits again")
        self.warning = warning


def _jwks(keys: list[SigningKey]) -> Jwks:
    body = json.dumps({"keys": [key.public_jwk for key in keys]}, separators=(",", ":")).encode()
    return Jwks(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
