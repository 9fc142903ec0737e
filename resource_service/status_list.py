"""One status list, followed: polled, verified, and used as long as it can be trusted."""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from resource_service import status_list_token
from resource_service.remote_key_set import Timer
from resource_service.status_list_token import MAXIMUM_LENGTH, SignedStatusList, StatusListRefused
from shared.access_token import LEEWAY
from shared.errors import TemporarilyUnavailable
from shared.key_set import KeySet
from shared.status_list import MEDIA_TYPE, Entries

# All in seconds.
POLL: Final = 5.0  # from the begin of one fetch to the begin of the next
STALE: Final = 300.0  # how old a list may be that is still used
TIMEOUT: Final = 3.0  # for one fetch, from connecting to the last octet
COOLDOWN: Final = 1.0  # between two fetches out of turn

_LOG = logging.getLogger(__name__)
_HEADERS: Final = {
    "accept": MEDIA_TYPE,
    "accept-encoding": "identity",  # octets are counted as they arrive
    "cache-control": "no-cache",  # what a cache on the way has may be older than we think
}


@dataclass(frozen=True)
class Policy:
    """How lists are followed; times in seconds, `now` never goes back, `time_of_day` may."""

    http: httpx.AsyncClient
    keys: KeySet
    issuer: str
    poll: float = POLL
    stale: float = STALE
    timeout: float = TIMEOUT
    now: Callable[[], float] = time.monotonic
    time_of_day: Callable[[], float] = time.time
    call_later: Callable[[float, Callable[[], object]], Timer] | None = None
    fetches: Counter[str] = field(default_factory=Counter)  # by outcome, since the start


class StatusList:
    """The list behind one URI, and what is known of its age.

    Fetched when `renew` is first called, then every `poll` seconds, whether that succeeds or
    fails; one fetch at a time. What an answer breaks (a limit, the signature, `sub`, a date)
    changes nothing: the good list stays until it is `stale`, or past its own `exp`. A list whose
    `iat` is more than the leeway older than the newest one seen is a replay and refused; within
    the leeway, clocks of several issuer processes may differ, and whoever could replay so little
    could as well hold the answers back.

    A list is as old as the request for it, not as its answer.
    """

    def __init__(self, uri: str, policy: Policy, changed: Callable[[], None]) -> None:
        """`changed` is called after each good fetch."""
        self.uri = uri
        self.entries = Entries()
        self.signed: SignedStatusList | None = None
        self._policy = policy
        self._now = policy.now
        self._changed = changed
        self._etag: str | None = None
        self._confirmed_at = self._started_at = -math.inf
        self._used_at = policy.now()
        self._newest_iat = 0
        self._failures = 0  # in a row
        self._fetch: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._stopped = False

    @property
    def age(self) -> float | None:
        """Seconds since the issuer last said that the list is as it is; None if it never did."""
        return None if self._confirmed_at == -math.inf else self._now() - self._confirmed_at

    @property
    def retry_after(self) -> int:
        """In how many whole seconds it is worth asking again."""
        return max(1, math.ceil(self._started_at + self._policy.poll - self._now()))

    def idle(self) -> float:
        """Return for how many seconds, within a poll, nobody has read the list."""
        now = self._now()
        if self.entries.used:
            self.entries.used, self._used_at = False, now
        return now - self._used_at

    async def renew(self) -> None:
        """Wait for a fetch that is under way, or for a new one, but for no second one.

        After a failure nobody waits: the next poll is near.
        """
        if self._failures:
            return
        fetch = self._running()
        if fetch is None and self._now() - self._started_at >= COOLDOWN:
            fetch = self.begin()
        if fetch is not None:
            # Cancels nothing when this request is cancelled, unlike awaiting the task.
            await asyncio.wait([fetch])

    def begin(self) -> asyncio.Task[None]:
        """Fetch, unless that is under way."""
        fetch = self._running()
        if fetch is None:
            fetch = self._fetch = asyncio.create_task(self._refresh(), name="fetch a status list")
        return fetch

    def restore(self, signed: SignedStatusList, age: float) -> None:
        """Use a list of an earlier life of this process, so many seconds after it was good."""
        self._accept(signed, self._now() - age)

    def stop(self) -> asyncio.Task[None] | None:
        """Fetch no more; return the fetch that is under way, if there is one."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        return self._running()

    def drop(self) -> None:
        """Stop, and tell those who hold on to the entries, whatever is still under way here."""
        self.stop()
        self.entries.usable_until = -math.inf
        self.entries = Entries()

    def _running(self) -> asyncio.Task[None] | None:
        return None if self._fetch is None or self._fetch.done() else self._fetch

    async def _refresh(self) -> None:
        """Fetch once; whatever comes of it, the timer is set for the next."""
        started = self._started_at = self._now()
        try:
            async with asyncio.timeout(self._policy.timeout):
                outcome = await self._ask(started)
        except (httpx.HTTPError, StatusListRefused, TimeoutError, TemporarilyUnavailable) as error:
            self._fail(_outcome(error), error)
        except Exception as error:  # noqa: BLE001 - whatever it is, there must be a next time
            self._fail("unforeseen", error)
        else:
            self._policy.fetches[outcome] += 1
            self._failures = 0
            self._changed()
        finally:
            self._schedule(started + self._policy.poll)

    async def _ask(self, started: float) -> str:
        """Ask whether the list has changed, and take it if it has."""
        headers = dict(_HEADERS)
        known = self.signed
        # With its key withdrawn, a list is nothing that an answer could confirm.
        if known is not None and self._etag and self._is_trusted(known):
            headers["if-none-match"] = self._etag
        async with self._policy.http.stream(
            "GET",
            self.uri,
            headers=headers,
            follow_redirects=False,
            timeout=self._policy.timeout,
        ) as response:
            if response.status_code == httpx.codes.NOT_MODIFIED and "if-none-match" in headers:
                assert known is not None  # noqa: S101 - or we would not have had its tag
                self._confirm(known, started)
                return "unchanged"
            if response.status_code != httpx.codes.OK:
                raise StatusListRefused(f"status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise StatusListRefused("compressed, though we asked for it plain")
            token = bytearray()
            async for chunk in response.aiter_raw():
                token += chunk
                if len(token) > MAXIMUM_LENGTH:
                    break
        policy = self._policy
        signed = await status_list_token.read(
            bytes(token), self.uri, policy.issuer, policy.keys, policy.time_of_day()
        )
        self._accept(signed, started)
        self._etag = response.headers.get("etag")
        return "changed"

    def _is_trusted(self, signed: SignedStatusList) -> bool:
        return self._policy.keys.trusted(signed.key.kid) is signed.key

    def _accept(self, signed: SignedStatusList, confirmed_at: float) -> None:
        if signed.iat < self._newest_iat - LEEWAY:
            raise StatusListRefused(f"a newer one was seen: iat {signed.iat}")
        self._newest_iat = max(self._newest_iat, signed.iat)
        self._confirm(signed, confirmed_at)

    def _confirm(self, signed: SignedStatusList, confirmed_at: float) -> None:
        """Use this list, as of then, for as long as both we and its issuer allow."""
        left = signed.exp + LEEWAY - self._policy.time_of_day()
        if left <= 0:
            raise StatusListRefused(f"it has expired: exp {signed.exp}")
        self.signed, self.entries.octets = signed, signed.octets
        self._confirmed_at = confirmed_at
        self.entries.usable_until = min(confirmed_at + self._policy.stale, self._now() + left)

    def _fail(self, outcome: str, error: Exception) -> None:
        if not self._failures:  # once, or a poll that fails for an hour fills the log
            _LOG.warning("fetching %s failed: %s: %r", self.uri, outcome, error)
        self._policy.fetches[outcome] += 1
        self._failures += 1

    def _schedule(self, at: float) -> None:
        if self._stopped:
            return
        call_later = self._policy.call_later or asyncio.get_running_loop().call_later
        self._timer = call_later(max(0.0, at - self._now()), self.begin)


def _outcome(error: Exception) -> str:
    """Name the failure for the metric."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx.HTTPError) else "refused"
