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
_MOST_LINES: Final = 4
_MOST_OCTETS: Final = 256


class KeyEncryptionKeyRefused(Exception):
    """The file does not hold a usable key, or not the one that encrypted; the text says which."""


class KeyEncryptionKey:
    """Encrypts what must not be readable in the database, with AES-256-GCM.

    The file has a key on each line: more than one only while `keys rewrap` goes from one to
    another. Every line decrypts. What is at hand and does not decrypt is reason to read the
    file again, so a running issuer follows when the file is replaced.
    """

    def __init__(self, path: Path, keys: list[AESGCM]) -> None:
        self.path = path
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> "KeyEncryptionKey":
        """Read 32 octets as base64url a line, from a file that only its owner can read.

        Raises `KeyEncryptionKeyRefused`.
        """
        return cls(path, _read(path))

    def encrypt(self, plaintext: bytes, *, name: str) -> bytes:
        """Encrypt with the first line, bound to `name`: no row can be put in another's place."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._keys[0].encrypt(nonce, plaintext, name.encode())

    def decrypt(self, ciphertext: bytes, *, name: str) -> bytes:
        """Undo `encrypt`; raises `KeyEncryptionKeyRefused` if no line is the key, or not the name.

        Reads the file again before it gives up.
        """
        found = self._find(ciphertext, name)
        if found is None:
            self._keys = _read(self.path)
            found = self._find(ciphertext, name)
        if found is None:
            raise KeyEncryptionKeyRefused(
                f"the key-encryption key in {self.path} is not the one that encrypted {name}"
            )
        return found[1]

    def alike(self, ciphertext: bytes, *, name: str) -> "KeyEncryptionKey":
        """Return the one line that decrypts this, to encrypt more under it.

        Thus nothing but `keys rewrap` moves the database to another key, whatever the order of
        the lines. Raises what `decrypt` raises.
        """
        self.decrypt(ciphertext, name=name)
        found = self._find(ciphertext, name)
        return self if found is None else KeyEncryptionKey(self.path, [found[0]])

    def _find(self, ciphertext: bytes, name: str) -> tuple[AESGCM, bytes] | None:
        nonce, sealed = ciphertext[:_NONCE], ciphertext[_NONCE:]
        for key in self._keys:
            try:
                return key, key.decrypt(nonce, sealed, name.encode())
            except (InvalidTag, ValueError):
                continue
        return None


def _read(path: Path) -> list[AESGCM]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST_OCTETS)
    except OSError as error:
        raise KeyEncryptionKeyRefused(f"{path}: {error.strerror}") from None
    if mode & 0o077:
        raise KeyEncryptionKeyRefused(f"{path}: others may read it; run chmod 600")
    lines = text.split()
    if not 1 <= len(lines) <= _MOST_LINES:
        raise KeyEncryptionKeyRefused(f"{path}: not {_LENGTH} octets as base64url")
    return [AESGCM(_octets(line, path)) for line in lines]


def _octets(line: bytes, path: Path) -> bytes:
    try:
        octets = jws.decode(line.rstrip(b"="))
    except ValueError:
        octets = b""
    if len(octets) != _LENGTH:
        raise KeyEncryptionKeyRefused(f"{path}: not {_LENGTH} octets as base64url")
    return octets
