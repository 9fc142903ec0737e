"""Moving the database from one key-encryption key to another."""

from datetime import datetime

from auth_service.key_encryption import KeyEncryptionKey, KeyEncryptionKeyRefused
from auth_service.key_rotation import name
from auth_service.second_factor import encryption_name
from auth_service.store import Pool, audit_log, second_factors, secrets, signing_keys
from auth_service.store.audit_log import Event


async def rewrap(db: Pool, old: KeyEncryptionKey, new: KeyEncryptionKey, now: datetime) -> int:
    """Encrypt every signing key and secret under the first line of `new`; return how many.

    In one transaction: the database is under one key or the other, wherever this is cut off,
    and it may be run again. Raises `KeyEncryptionKeyRefused`, with nothing changed, if neither
    key decrypts one of them. Every table that holds something encrypted belongs here.
    """

    def again(ciphertext: bytes, name: str) -> bytes:
        try:
            plaintext = old.decrypt(ciphertext, name=name)
        except KeyEncryptionKeyRefused:
            plaintext = new.decrypt(ciphertext, name=name)
        return new.encrypt(plaintext, name=name)

    async with db.acquire() as connection, connection.transaction():
        await signing_keys.lock(connection)
        count = 0
        for key in await signing_keys.ring(connection, None):
            if key.encrypted_private is not None:
                encrypted = again(key.encrypted_private, name(key.kid))
                await signing_keys.rewrap(connection, key.kid, encrypted)
                count += 1
        for sub, encrypted in (await second_factors.lock_all(connection)).items():
            again_encrypted = again(encrypted, encryption_name(sub))
            await second_factors.rewrap(connection, sub, again_encrypted)
            count += 1
        for secret, encrypted in (await secrets.lock_all(connection)).items():
            await secrets.replace(connection, secret, again(encrypted, secret))
            count += 1
        await audit_log.record(connection, Event.SECRETS_REWRAPPED, now, count=count)
    return count
