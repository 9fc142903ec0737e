"""Refresh tokens (RFC 6749 §1.5): made by a key, not stored.

A token is base64url(family id ‖ generation ‖ HMAC-SHA-256). Whoever reads the database can
make none, and a guess is refused without a query.
"""

import hmac
import uuid
from typing import Final

from auth_service.key_encryption import KeyEncryptionKey
from auth_service.store import Database
from auth_service.stored_key import StoredKey
from shared import jws

_NAME: Final = "refresh token key"
_ID: Final = 16  # octets
_GENERATION: Final = 4  # octets
_LENGTH: Final = _ID + _GENERATION + 32  # octets


class RefreshTokens:
    """Makes and reads refresh tokens; every issuer process on one database has the same key."""

    def __init__(self) -> None:
        self._key = StoredKey(_NAME)

    async def load(self, db: Database, key_encryption_key: KeyEncryptionKey) -> None:
        """Read the key (see `StoredKey.load`)."""
        await self._key.load(db, key_encryption_key)

    def token(self, family_id: uuid.UUID, generation: int) -> str:
        """Return the family's token of this generation; always the same one."""
        named = family_id.bytes + generation.to_bytes(_GENERATION, "big")
        return jws.encode(named + self._key.mac(named)).decode("ascii")

    def read(self, token: str) -> tuple[uuid.UUID, int] | None:
        """Return family id and generation of a token that we made; None for any other."""
        try:
            octets = jws.decode(token.encode("ascii"))
        except ValueError:
            return None
        named, mac = octets[:-32], octets[-32:]
        if len(octets) != _LENGTH or not hmac.compare_digest(mac, self._key.mac(named)):
            return None
        return uuid.UUID(bytes=named[:_ID]), int.from_bytes(named[_ID:], "big")
