"""The last good key set in a file, so that a replica can restart while the issuer is down."""

import json
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resource_service.jwks import MAXIMUM_OCTETS, Jwk, KeySetMembers, read_key_set

_LOG = logging.getLogger(__name__)
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class SavedKeySet:
    """What was in the file; `age` in seconds."""

    members: KeySetMembers
    age: float


class KeySetFile:
    """A file that only its owner may write: who writes it decides whose tokens are good."""

    def __init__(
        self, path: Path, jwks_uri: str, *, time_of_day: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._jwks_uri = jwks_uri
        self._time_of_day = time_of_day

    def load(self) -> SavedKeySet | None:
        """Return what was saved, or None if there is nothing that can be trusted.

        Not used: another owner's file, one that others may write, another issuer's, one from
        the future. How old is too old the caller says.
        """
        try:
            return self._parse(self._read())
        except FileNotFoundError:
            return None
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            OverflowError,
            RecursionError,
        ) as error:
            _LOG.warning("the key set file %s is not used: %s", self._path, error)
            return None

    def save(self, jwks: list[Jwk]) -> None:
        """Write the keys with the time of day; the old file stays until the new is complete."""
        document = {
            "jwks_uri": self._jwks_uri,
            "fetched_at": self._time_of_day(),
            "keys": jwks,
        }
        unfinished = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            try:
                _write(unfinished, json.dumps(document).encode())
                unfinished.replace(self._path)
            finally:
                with suppress(FileNotFoundError):
                    unfinished.unlink()
        except OSError as error:
            _LOG.warning("the key set file %s could not be written: %s", self._path, error)

    def _read(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_mode & _WRITABLE_BY_OTHERS:
                raise ValueError("others may write it")
            if status.st_uid not in {0, os.geteuid()}:
                raise ValueError("it belongs to somebody else")
            return file.read(2 * MAXIMUM_OCTETS)

    def _parse(self, content: bytes) -> SavedKeySet:
        document = json.loads(content)
        if document["jwks_uri"] != self._jwks_uri:
            raise ValueError("it is another issuer's")
        age = self._time_of_day() - float(document["fetched_at"])
        if not age >= 0:
            raise ValueError("it is from the future")
        return SavedKeySet(read_key_set(json.dumps(document).encode()), age)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
