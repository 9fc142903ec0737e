"""The last good key set in a file, so that a replica can restart while the issuer is down."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resource_service import private_file
from shared.jwks import MAXIMUM_OCTETS, Jwk, KeySetMembers, read_key_set

_LOG = logging.getLogger(__name__)


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
            return self._parse(private_file.read(self._path, 2 * MAXIMUM_OCTETS))
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

    def save(self, jwks: list[Jwk], age: float = 0.0) -> None:
        """Write the keys, which were fetched `age` seconds ago.

        The old file stays until the new one is complete.
        """
        document = {
            "jwks_uri": self._jwks_uri,
            "fetched_at": self._time_of_day() - age,
            "keys": jwks,
        }
        try:
            private_file.write(self._path, json.dumps(document).encode())
        except OSError as error:
            _LOG.warning("the key set file %s could not be written: %s", self._path, error)

    def _parse(self, content: bytes) -> SavedKeySet:
        document = json.loads(content)
        if document["jwks_uri"] != self._jwks_uri:
            raise ValueError("it is another issuer's")
        age = self._time_of_day() - float(document["fetched_at"])
        if not age >= 0:
            raise ValueError("it is from the future")
        return SavedKeySet(read_key_set(json.dumps(document).encode()), age)
