"""The key-encryption key: a file, without which the secrets in the database are useless."""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared import jws

_LENGTH: Final = 32  # octets: AES-256
_NONCE: Final = 12  # octets, random (NIST SP 800-38D §8.2.2)


class KeyEncryptionKeyRefused(Exception):
    """The file does not hold a usable key, or not the one that encrypted; the text says which."""


class KeyEncryptionKey:
    """Encrypts what must not be readable in the database, with AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    @classmethod
    def load(cls, path: Path) -> "KeyEncryptionKey":
        """Read 32 octets as base64url from a file that only its owner can read.

        Raises `KeyEncryptionKeyRefused`.
        """
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(128)
        except OSError as error:
            raise KeyEncryptionKeyRefused(f"{path}: {error.strerror}") from None
        if mode & 0o077:
            raise KeyEncryptionKeyRefused(f"{path}: others may read it; run chmod 600")
        try:
            key = jws.decode(text.strip().rstrip(b"="))
        except ValueError:
            key = b""
        if len(key) != _LENGTH:
            raise KeyEncryptionKeyRefused(f"{path}: not {_LENGTH} octets as base64url")
        return cls(key)

    def encrypt(self, plaintext: bytes, *, name: str) -> bytes:
        """Encrypt, bound to `name`, so that no row can be put in another's place."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._aead.encrypt(nonce, plaintext, name.encode())

    def decrypt(self, ciphertext: bytes, *, name: str) -> bytes:
        """Undo `encrypt`; raises `KeyEncryptionKeyRefused` if this is not the key or the name."""
        nonce, sealed = ciphertext[:_NONCE], ciphertext[_NONCE:]
        try:
            return self._aead.decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError):
            raise KeyEncryptionKeyRefused(
                f"the key-encryption key is not the one that encrypted {name}"
            ) from None
