"""The last good status lists in a file, so that a replica can restart while the issuer is down.

They are kept as the issuer signed them, and verified again when they are read. What the file
adds is when the issuer last confirmed them.
"""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from resource_service import private_file
from shared.status_list import Uri

_MAXIMUM_OCTETS: Final = 16 * 1024 * 1024
_LOG = logging.getLogger(__name__)


class Saved(msgspec.Struct, frozen=True):
    """A list as it was signed; `confirmed_at` is in seconds since 1970."""

    uri: Uri
    token: str
    confirmed_at: float


class _Content(msgspec.Struct, frozen=True):
    issuer: str
    lists: list[Saved]


class StatusListFile:
    """A file that only its owner may write: see `private_file`."""

    def __init__(
        self, path: Path, issuer: str, *, time_of_day: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._issuer = issuer
        self._time_of_day = time_of_day

    def load(self) -> list[tuple[Saved, float]]:
        """Return what was saved, each with its age in seconds; nothing that is from the future."""
        try:
            octets = private_file.read(self._path, _MAXIMUM_OCTETS)
            content = msgspec.json.decode(octets, type=_Content)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            _LOG.warning("the status list file %s is not used: %s", self._path, error)
            return []
        if content.issuer != self._issuer:
            _LOG.warning("the status list file %s is another issuer's", self._path)
            return []
        now = self._time_of_day()
        return [(saved, age) for saved in content.lists if (age := now - saved.confirmed_at) >= 0]

    def save(self, lists: Iterable[tuple[str, str, float]]) -> None:
        """Write lists given as URI, token and age in seconds."""
        now = self._time_of_day()
        saved = [Saved(uri, token, now - age) for uri, token, age in lists]
        try:
            private_file.write(self._path, msgspec.json.encode(_Content(self._issuer, saved)))
        except OSError as error:
            _LOG.warning("the status list file %s could not be written: %s", self._path, error)
