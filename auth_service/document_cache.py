"""What clients publish about themselves, fetched when it is needed and kept for a while."""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from auth_service.safe_fetch import DocumentRefused, Fetched, FetchRefused, SafeFetch, Unreachable
from shared.errors import TemporarilyUnavailable

# All in seconds.
SHORTEST_LIFE: Final = 60.0
LONGEST_LIFE: Final = 3600.0
DEFAULT_LIFE: Final = 300.0  # without a Cache-Control: max-age
COOLDOWN: Final = 30.0  # between two fetches of one address, if the first failed or was forced

ENTRIES: Final = 500
AT_A_TIME: Final = 16  # fetches, each over within `safe_fetch.TIMEOUT`

_LOG = logging.getLogger(__name__)
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_NOT_KEPT: Final = re.compile(r"(?:^|[,\s])no-(?:store|cache)\b", re.IGNORECASE)

T = TypeVar("T")
Admit = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T]):
    """A document, and from when until when it may be used, in seconds of the clock."""

    document: T
    fetched_at: float
    usable_until: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is none, until it is tried again."""

    error: FetchRefused | Unreachable
    fetched_at: float
    usable_until: float


class DocumentCache(Generic[T]):
    """Documents of one kind by their address; bounded in number, fetches at a time, and rate.

    Of concurrent fetches of one address there is one, a task of its own that outlives the
    request which began it. A failure is remembered for `COOLDOWN`. A document that is too old is
    not used, also when there is no other: it may have been withdrawn.
    """

    def __init__(
        self,
        fetch: SafeFetch,
        parse: Callable[[str, Fetched], T],
        *,
        accept: str,
        maximum: int,
        now: Callable[[], float],
    ) -> None:
        """Take `parse`, which may raise `ValueError`, and `maximum` in octets."""
        self._fetch = fetch
        self._parse = parse
        self._accept = accept
        self._maximum = maximum
        self._now = now
        self._known: dict[str, Fresh[T] | _Failure] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._under_way = 0  # those of the fetches that were admitted

    async def read(self, url: str, admit: Admit, *, newer_than: float = -math.inf) -> Fresh[T]:
        """Return the document, one that was fetched after `newer_than` unless `COOLDOWN` forbids.

        `admit` is called before a fetch is begun, and raises what its caller is refused with.
        Others who wait for the same document do not hear of that: one of them begins anew.
        Raises `FetchRefused` too, or `TemporarilyUnavailable` when it cannot be had now.
        """
        while self._has_to_be_fetched(url, newer_than):
            task = self._fetches.get(url)
            is_ours = task is None
            task = task or self._begin(url, admit)
            # Cancels nothing when this request is cancelled, unlike awaiting the task.
            await asyncio.wait([task])
            error = None if task.cancelled() else task.exception()
            if error is None:
                break
            if is_ours:
                raise error
        known = self._known.get(url)
        if isinstance(known, Fresh):
            return known
        if known is None:
            raise TemporarilyUnavailable(reason="there were newer documents to keep")
        if isinstance(known.error, Unreachable):
            wait = max(1, math.ceil(known.usable_until - self._now()))
            reason = f"{url!r:.99}"
            raise TemporarilyUnavailable(
                "the client's site does not answer", reason=reason, retry_after=wait
            )
        raise type(known.error)(str(known.error))

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._fetches.values()):
            task.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)

    def _has_to_be_fetched(self, url: str, newer_than: float) -> bool:
        known, now = self._known.get(url), self._now()
        if known is None or now >= known.usable_until:
            return True
        return known.fetched_at <= newer_than and now >= known.fetched_at + COOLDOWN

    def _begin(self, url: str, admit: Admit) -> asyncio.Task[None]:
        def ended(task: asyncio.Task[None]) -> None:
            del self._fetches[url]
            if not task.cancelled():
                task.exception()  # whoever began it may have gone away

        task = self._fetches[url] = asyncio.create_task(self._admitted(url, admit))
        task.add_done_callback(ended)
        return task

    async def _admitted(self, url: str, admit: Admit) -> None:
        await admit()
        if self._under_way >= AT_A_TIME:
            raise TemporarilyUnavailable("too many documents are being fetched just now")
        self._under_way += 1
        try:
            await self._refresh(url)
        finally:
            self._under_way -= 1

    async def _refresh(self, url: str) -> None:
        try:
            fetched = await self._fetch.get(url, accept=self._accept, maximum=self._maximum)
            document = self._parse(url, fetched)
        except (FetchRefused, Unreachable) as error:
            self._fail(url, error)
        except (ValueError, RecursionError) as error:
            self._fail(url, DocumentRefused(str(error)))
        else:
            now = self._now()
            self._keep(url, Fresh(document, now, now + _life(fetched.cache_control)))

    def _fail(self, url: str, error: FetchRefused | Unreachable) -> None:
        _LOG.info("fetching %r failed: %s", url[:200], error)
        now = self._now()
        self._keep(url, _Failure(error, now, now + COOLDOWN))

    def _keep(self, url: str, entry: "Fresh[T] | _Failure") -> None:
        self._known.pop(url, None)
        if len(self._known) >= ENTRIES:
            del self._known[next(iter(self._known))]  # the one fetched longest ago
        self._known[url] = entry


def _life(cache_control: str) -> float:
    """Return for how long a document may be used, in seconds (RFC 9111 §5.2), within our bounds."""
    max_age = _MAX_AGE.search(cache_control)
    life = float(max_age[1]) if max_age else DEFAULT_LIFE
    if _NOT_KEPT.search(cache_control):
        life = SHORTEST_LIFE
    return min(max(life, SHORTEST_LIFE), LONGEST_LIFE)
