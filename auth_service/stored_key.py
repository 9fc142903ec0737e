"""A key of the service's own, in the database, which alone cannot read it."""

import hmac
import secrets

from auth_service.key_encryption import KeyEncryptionKey
from auth_service.store import Database
from auth_service.store import secrets as stored_secrets
from shared.errors import TemporarilyUnavailable


class StoredKey:
    """Makes HMACs with SHA-256, the same in every process; stored encrypted, by `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._key: bytes | None = None

    async def load(self, db: Database, key_encryption_key: KeyEncryptionKey) -> None:
        """Read the key from the database, where the first of us to get there leaves one."""
        encrypted = await stored_secrets.find(db, self._name)
        if encrypted is None:
            new = key_encryption_key.encrypt(secrets.token_bytes(32), name=self._name)
            await stored_secrets.add(db, self._name, new)
            encrypted = await stored_secrets.find(db, self._name) or new
        self._key = key_encryption_key.decrypt(encrypted, name=self._name)

    def mac(self, named: bytes) -> bytes:
        """Return the MAC; `TemporarilyUnavailable` before the key is loaded."""
        if self._key is None:
            raise TemporarilyUnavailable(reason=f"no {self._name} at hand yet")
        return hmac.digest(self._key, named, "sha256")
