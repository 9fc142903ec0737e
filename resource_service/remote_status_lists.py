"""Which tokens are revoked, by the issuer's status lists (draft-ietf-oauth-status-list)."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx
import msgspec

from resource_service import status_list_token
from resource_service.status_list import Policy, StatusList
from resource_service.status_list_file import StatusListFile
from resource_service.status_list_token import StatusListRefused
from shared.access_token import Refusal
from shared.errors import InvalidToken, TemporarilyUnavailable
from shared.status_list import Entries, Reference

MAXIMUM_LISTS: Final = 64
IDLE: Final = 900.0  # seconds; a list that nobody has asked for so long is followed no more
FETCHED_AHEAD: Final = 8  # of the lists that the issuer names, the newest
_SAVE_EVERY: Final = 10.0  # seconds, while nothing changes
_END_WITHIN: Final = 0.5  # seconds
_MAXIMUM_AGGREGATION: Final = 64 * 1024  # octets

_LOG = logging.getLogger(__name__)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


class _Aggregation(msgspec.Struct, frozen=True):
    """Which lists there are (§9.3)."""

    status_lists: list[str]


class RemoteStatusLists:
    """The status lists of one issuer, followed over HTTP; a `shared.access_token.Statuses`.

    A list is fetched when a token first points to it, by one fetch however many ask, and is then
    polled. Lists that the issuer names at `aggregation_uri` (§9) are fetched ahead, so that the
    first token finds them; an issuer that names none is asked once. A reference to anywhere but
    the issuer's own origin leads nowhere. Of more than `MAXIMUM_LISTS` the one that was idle
    longest makes room.

    Nothing is fetched before `kept_fresh` is entered or `look_up` is first called.
    """

    def __init__(
        self, policy: Policy, *, aggregation_uri: str = "", file: StatusListFile | None = None
    ) -> None:
        """Keep the lists in `file` too, if there is one, for the next start."""
        self._policy = policy
        self._now = policy.now
        self._aggregation_uri = aggregation_uri
        self._file = file
        self._lists: dict[str, StatusList] = {}
        self._saved: set[str] = set()
        self._saved_at = policy.now()
        self._saving: asyncio.Future[None] | None = None
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Begin with what the file has, fetch what there is to fetch, and poll; stop at the end."""
        await self._restore()
        finding = asyncio.create_task(self._fetch_ahead(), name="find the status lists")
        try:
            yield
        finally:
            await self._stop(finding)

    async def _stop(self, finding: asyncio.Task[None]) -> None:
        """Let what is under way come to its end for a moment: cancelled, it may leak a socket."""
        self._ending.set()
        fetches = {followed.stop() for followed in self._lists.values()}
        tasks = {task for task in (*fetches, finding) if task is not None}
        _, late = await asyncio.wait(tasks, timeout=_END_WITHIN)
        for task in late:
            task.cancel()
        pending = {task for task in (*late, self._saving) if task is not None}
        if pending:
            await asyncio.wait(pending, timeout=self._policy.timeout)

    @property
    def ages(self) -> dict[str, float | None]:
        """Seconds since the issuer last confirmed each list; None for one not had yet."""
        return {uri: followed.age for uri, followed in self._lists.items()}

    @property
    def fetches(self) -> Counter[str]:
        """Fetches of lists by outcome, since the start."""
        return self._policy.fetches

    def at_hand(self, uri: str) -> Entries | None:
        """Return the entries of the list behind `uri`, if it is followed."""
        followed = self._lists.get(uri)
        return None if followed is None else followed.entries

    async def look_up(self, reference: Reference) -> bool:
        """Tell whether a token was revoked; waits for at most one fetch.

        Raises `InvalidToken` for a reference to no list of this issuer, or beyond the list
        (§8.3), and `TemporarilyUnavailable` when the list is out of reach or too old.
        """
        followed = self._follow(reference.uri)
        await followed.renew()
        now = self._now()
        if now >= followed.entries.usable_until:
            raise TemporarilyUnavailable(
                "the list of revoked tokens is out of reach", retry_after=followed.retry_after
            )
        revoked = followed.entries.is_revoked(reference.idx, now)
        if revoked is None:
            raise InvalidToken(Refusal.NO_STATUS, reason=f"no entry {reference.idx}")
        return revoked

    def _follow(self, uri: str) -> StatusList:
        followed = self._lists.get(uri)
        if followed is None:
            issuer = self._policy.issuer
            if not uri.startswith(issuer) or not _PATH.fullmatch(uri, len(issuer)):
                raise InvalidToken(Refusal.NO_STATUS, reason=f"uri {uri!r:.99}")
            if len(self._lists) >= MAXIMUM_LISTS:
                self._drop(max(self._lists.values(), key=StatusList.idle))
            followed = self._lists[uri] = StatusList(uri, self._policy, self._after_fetch)
        return followed

    def _drop(self, followed: StatusList) -> None:
        del self._lists[followed.uri]
        followed.drop()

    def _after_fetch(self) -> None:
        """Follow no more what nobody asks for, but always one; and save now and then."""
        if len(self._lists) > 1:
            longest = max(self._lists.values(), key=StatusList.idle)
            if longest.idle() > IDLE:
                self._drop(longest)
        self._save()

    async def _fetch_ahead(self) -> None:
        """Ask which lists there are until there is an answer, whatever it is, and fetch them."""
        uris: list[str] | None = None if self._aggregation_uri else []
        while uris is None and not self._ending.is_set():
            try:
                uris = await self._aggregation()
            except (httpx.HTTPError, TimeoutError) as error:
                _LOG.info("asking for the status lists failed: %r", error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), self._policy.poll)
            except ValueError as error:
                _LOG.warning("no status lists were named: %s", error)
                uris = []
        for uri in [] if self._ending.is_set() else (uris or [])[-FETCHED_AHEAD:]:
            try:
                self._follow(uri).begin()
            except InvalidToken as error:
                _LOG.warning("a status list is not followed: %s", error)

    async def _aggregation(self) -> list[str]:
        http, timeout = self._policy.http, self._policy.timeout
        async with (
            asyncio.timeout(timeout),
            http.stream(
                "GET", self._aggregation_uri, follow_redirects=False, timeout=timeout
            ) as response,
        ):
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"status {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MAXIMUM_AGGREGATION:
                    raise ValueError("too long")
        return msgspec.json.decode(body, type=_Aggregation).status_lists

    async def _restore(self) -> None:
        """Use what is in the file, if it is not too old and its keys are to be had."""
        saved = [] if self._file is None else await asyncio.to_thread(self._file.load)
        policy = self._policy
        for each, age in saved[:MAXIMUM_LISTS]:
            try:
                signed = await status_list_token.read(
                    each.token.encode(), each.uri, policy.issuer, policy.keys, policy.time_of_day()
                )
                followed = self._follow(each.uri)
                followed.restore(signed, age)
                followed.begin()
            except (StatusListRefused, InvalidToken, TemporarilyUnavailable) as error:
                _LOG.warning("a saved status list is not used: %s", error)

    def _save(self) -> None:
        """Write the file in a thread, at once if a list has changed; nobody waits for the disk."""
        if self._file is None or (self._saving is not None and not self._saving.done()):
            return
        lists = [
            (followed.uri, followed.signed.token, followed.age)
            for followed in self._lists.values()
            if followed.signed is not None and followed.age is not None
        ]
        tokens = {token for _, token, _ in lists}
        if tokens != self._saved or self._now() - self._saved_at >= _SAVE_EVERY:
            self._saved, self._saved_at = tokens, self._now()
            loop = asyncio.get_running_loop()
            self._saving = loop.run_in_executor(None, self._file.save, lists)
