"""The issuer's key set as a replica would hold it, fetched by the replica's own cache."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from resource_service.diagnosis.clock import ClockDifference, difference
from resource_service.diagnosis.remarks import Remarks
from resource_service.key_set_file import KeySetFile
from resource_service.remote_key_set import USABLE, RemoteKeySet
from shared.errors import TemporarilyUnavailable
from shared.jwks import Jwk

_NO_KID: Final = "none"  # no key has it: asking for it waits for the fetch that is under way


@dataclass(frozen=True)
class KeySetFacts:
    """What is known of a key set.

    `age`: seconds since the last good fetch, by us or by the replica whose file was read; None
    if there was none. `clock`: the issuer's, by its answer. `remarks`: what the cache would
    write to a replica's log, such as why a fetch failed, or which keys are not used.
    """

    jwks_uri: str
    kids: tuple[str, ...]
    age: float | None
    usable: bool
    clock: ClockDifference | None
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        """Say it for a person."""
        if self.age is None:
            return "none at hand"
        if not self.usable:
            return f"stale: {round(self.age)} s old, and usable for {USABLE:.0f} s only"
        keys = "1 usable key" if len(self.kids) == 1 else f"{len(self.kids)} usable keys"
        return f"{keys}, {round(self.age)} s old"


class ObservedKeySet:
    """A replica's key set, and what is seen while it is fetched; see `observed_key_set`."""

    def __init__(self, jwks_uri: str, file: Path | None, now: Callable[[], float]) -> None:
        self._jwks_uri = jwks_uri
        self._now = now
        self._asked_at = now()
        self._clock: ClockDifference | None = None
        self.remarks = Remarks()
        self.http = httpx.AsyncClient(
            trust_env=not jwks_uri.startswith("http://"),
            event_hooks={"response": [self._read_clock]},
        )
        saved_keys = None if file is None else _ReadOnly(file, jwks_uri)
        with self.remarks.kept():
            saved = None if saved_keys is None else saved_keys.load()
            self.keys = RemoteKeySet(self.http, jwks_uri, file=saved_keys)
        self._age_of_file = None if saved is None else saved.age

    def facts(self) -> KeySetFacts:
        """Say what is known now."""
        keys = self.keys
        return KeySetFacts(
            self._jwks_uri,
            keys.kids,
            keys.age if keys.age is not None else self._age_of_file,
            keys.usable,
            self._clock,
            self.remarks.texts,
        )

    async def _read_clock(self, response: httpx.Response) -> None:
        self._clock = difference(response.headers, self._asked_at, self._now())


@asynccontextmanager
async def observed_key_set(
    jwks_uri: str, file: Path | None = None, *, now: Callable[[], float] = time.time
) -> AsyncIterator[ObservedKeySet]:
    """Fetch the key set once, as a replica does at its start.

    `file` is where a replica keeps the last good set (RESOURCE_JWKS_FILE): it is read, so that
    an issuer out of reach means here what it means to the replica, and never written.
    """
    observed = ObservedKeySet(jwks_uri, file, now)
    with observed.remarks.kept():
        async with observed.http, observed.keys.kept_fresh():
            with suppress(TemporarilyUnavailable):
                await observed.keys.key(_NO_KID)
            yield observed


class _ReadOnly(KeySetFile):
    def save(self, jwks: list[Jwk], age: float = 0.0) -> None:
        """Leave the file to the replica whose it is."""
