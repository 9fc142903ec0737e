"""The issuer's JWKS, fetched over HTTP and cached: a verifier that fails well (RFC 7517 §5)."""

import asyncio
import logging
import math
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol

import httpx

from resource_service.key_set_file import KeySetFile
from shared.errors import TemporarilyUnavailable
from shared.jwks import (
    MAXIMUM_OCTETS,
    Jwk,
    KeySetMembers,
    KeySetRefused,
    read_key_set,
)
from shared.jws import VerificationKey
from shared.key_set import KeySet

# All in seconds.
SHORTEST_LIFE: Final = 60.0  # unless the caller says otherwise
LONGEST_LIFE: Final = 3600.0
DEFAULT_LIFE: Final = 300.0  # without a Cache-Control: max-age
REFRESH_AHEAD: Final = 0.8  # of the life
USABLE: Final = 3600.0  # after the last good fetch
COOLDOWN: Final = 30.0  # between two forced fetches
LONGEST_PAUSE: Final = 60.0  # between two failures
TIMEOUT: Final = 3.0  # for one fetch, from connecting to the last octet

_LOG = logging.getLogger(__name__)
# Octets are counted as they arrive, so they must not be compressed.
_HEADERS: Final = {"accept": "application/jwk-set+json, application/json"} | {
    "accept-encoding": "identity"
}
# Ten digits tell everything: what is longer is clamped anyway.
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_SECONDS: Final = re.compile(r"[0-9]{1,10}")


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Let the call not happen."""
        ...


class RemoteKeySet(KeySet):
    """The verification keys behind a `jwks_uri`.

    Fetches ahead of expiry by a timer, so requests do not wait. A `kid` that is not known
    forces a fetch, but at most one per `COOLDOWN`, whether it succeeds or fails: a flood of
    forged tokens is no flood of fetches. Failures back off; the keys at hand stay in use for
    `USABLE` seconds. Of concurrent fetches there is one, a task of its own, which outlives the
    request that began it. An unknown `kid` leaves no trace, so there is nothing to fill up.

    A document that breaks a limit, or has no usable key, changes nothing. A good one replaces
    all keys: a key that the issuer has withdrawn is gone with the next fetch.

    Nothing is fetched before `kept_fresh` is entered or `key` is first called.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        jwks_uri: str,
        *,
        file: KeySetFile | None = None,
        shortest_life: float = SHORTEST_LIFE,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], object]], Timer] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take times in seconds; `now` never goes back, `jitter` is from 0 to 1."""
        super().__init__(monotonic=now)
        self.fetches: Counter[str] = Counter()  # by outcome, since the start
        self._http = http
        self._jwks_uri = jwks_uri
        self._file = file
        self._shortest_life = shortest_life
        self._timeout = timeout
        self._call_later = call_later
        self._jitter = jitter
        self._jwks: dict[str, Jwk] = {}
        self._fetched_at = self._forced_at = -math.inf
        self._refresh_at = self._next_at = -math.inf  # when it is due; when the timer fires
        self._failures = 0  # in a row
        self._fetch: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._saving: asyncio.Future[None] | None = None
        self._load()

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Fetch now and from then on; stop at the end."""
        self._begin()
        try:
            yield
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._fetch is not None:
            self._fetch.cancel()
        if pending := [task for task in (self._fetch, self._saving) if task is not None]:
            await asyncio.wait(pending, timeout=self._timeout)

    @property
    def usable(self) -> bool:
        """Whether there are keys, and not too old ones."""
        return self.monotonic() < self._fetched_at + USABLE

    @property
    def age(self) -> float | None:
        """Seconds since the last good fetch; None if there was none."""
        return None if self._fetched_at == -math.inf else self.monotonic() - self._fetched_at

    async def key(self, kid: str) -> VerificationKey | None:
        """Return the key with this `kid`, or None if the issuer had none at most `COOLDOWN` ago.

        Waits for at most one fetch. Raises `TemporarilyUnavailable` when there are no usable
        keys, and for an unknown `kid` when the last fetch failed: it may be a new key.
        """
        key = self.trusted(kid)
        if key is not None:
            return key
        fetch = self._running() or self._force()
        if fetch is not None:
            # Cancels nothing when this request is cancelled, unlike awaiting the task.
            await asyncio.wait([fetch])
        if not self.usable:
            raise TemporarilyUnavailable(
                "the issuer's keys are out of reach", retry_after=self._retry_after()
            )
        key = self.trusted(kid)
        if key is None and self._failures:
            raise TemporarilyUnavailable(
                "the issuer cannot be asked for this key now",
                reason=f"kid {kid!r}",
                retry_after=self._retry_after(),
            )
        return key

    def _retry_after(self) -> int:
        wait = min(self._next_at, self._forced_at + COOLDOWN) - self.monotonic()
        return 1 if wait <= 1 else math.ceil(wait)

    def _running(self) -> asyncio.Task[None] | None:
        return None if self._fetch is None or self._fetch.done() else self._fetch

    def _force(self) -> asyncio.Task[None] | None:
        """Begin a fetch out of turn, unless there was one in the last `COOLDOWN` seconds."""
        now = self.monotonic()
        if now - self._forced_at < COOLDOWN:
            return None
        self._forced_at = now
        return self._begin()

    def _begin(self) -> asyncio.Task[None]:
        fetch = self._running()
        if fetch is None:
            fetch = self._fetch = asyncio.create_task(self._refresh(), name="fetch the JWKS")
        return fetch

    async def _refresh(self) -> None:
        """Fetch once; whatever comes of it, the timer is set for the next."""
        try:
            life, document = await self._download()
            self._replace(read_key_set(document), self.monotonic())
        except (httpx.HTTPError, KeySetRefused, TimeoutError) as error:
            self._fail(_outcome(error), error)
        except Exception as error:  # noqa: BLE001 - whatever it is, there must be a next time
            self._fail("unforeseen", error)
        else:
            self.fetches["ok"] += 1
            self._failures = 0
            self._refresh_at = self._fetched_at + life * REFRESH_AHEAD
            self._schedule(self._refresh_at)
            self._save()

    async def _download(self) -> tuple[float, bytes]:
        """Return the life in seconds, and the body; reads no further than the limit."""
        async with (
            asyncio.timeout(self._timeout),
            self._http.stream(
                "GET",
                self._jwks_uri,
                headers=_HEADERS,
                follow_redirects=False,
                timeout=self._timeout,
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise KeySetRefused(f"status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise KeySetRefused("compressed, though we asked for it plain")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAXIMUM_OCTETS:
                    break
        return _life(response.headers, self._shortest_life), bytes(body)

    def _replace(self, members: KeySetMembers, fetched_at: float) -> None:
        """Use these keys and no others; an unchanged key stays the very same object.

        Tokens that were verified before are remembered with their key object.
        """
        self._fetched_at = fetched_at
        keys = [
            self._keys[kid] if self._jwks.get(kid) == jwk else key
            for kid, (jwk, key) in members.items()
        ]
        self.use(keys, fetched_at + USABLE)
        self._jwks = {kid: jwk for kid, (jwk, _) in members.items()}

    def _fail(self, outcome: str, error: Exception) -> None:
        _LOG.warning("fetching %s failed: %s: %r", self._jwks_uri, outcome, error)
        self.fetches[outcome] += 1
        self._failures += 1
        pause = min(LONGEST_PAUSE, 2.0 ** min(self._failures - 1, 10))
        # Half of it is chance, so that replicas which failed together do not return together.
        pause *= 1 - self._jitter() / 2
        self._schedule(max(self._refresh_at, self.monotonic() + pause))

    def _schedule(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        call_later = self._call_later or asyncio.get_running_loop().call_later
        self._next_at = at
        self._timer = call_later(at - self.monotonic(), self._begin)

    def _load(self) -> None:
        """Start with the keys of an earlier life, if they are not too old; their age counts."""
        loaded = self._file.load() if self._file is not None else None
        if loaded is not None and loaded.age < USABLE:
            self._replace(loaded.members, self.monotonic() - loaded.age)

    def _save(self) -> None:
        """Write the file in a thread; a disk that hangs must not stop the fetching.

        What is fetched meanwhile is written next: a key that was withdrawn must not stay there.
        """
        if self._file is None or (self._saving is not None and not self._saving.done()):
            return
        saved, loop = self._jwks, asyncio.get_running_loop()
        jwks, age = list(saved.values()), self.age or 0.0
        self._saving = loop.run_in_executor(None, self._file.save, jwks, age)
        self._saving.add_done_callback(lambda _: None if self._jwks is saved else self._save())


def _life(headers: Mapping[str, str], shortest: float) -> float:
    """Return for how long the set is fresh, in seconds (RFC 9111 §4.2), within our bounds.

    What a cache on the way has used up of it (`Age`) is gone, or a withdrawn key would live on.
    """
    max_age = _MAX_AGE.search(headers.get("cache-control", ""))
    age = headers.get("age", "")
    life = float(max_age[1]) if max_age else DEFAULT_LIFE
    if _SECONDS.fullmatch(age):
        life -= float(age)
    return min(max(life, shortest), LONGEST_LIFE)


def _outcome(error: Exception) -> str:
    """Name the failure for the metric."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    return "refused" if isinstance(error, KeySetRefused) else "unreachable"
