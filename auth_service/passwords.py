"""Passwords: Argon2id through passlib, in a bounded thread pool (RFC 9106, NIST SP 800-63B §3.1.1).

Each hash takes the memory of the setting, so the number of threads bounds the memory, and
the length of the queue bounds the wait: whoever comes when it is full is sent away with 503.
"""

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from passlib.hash import argon2

from auth_service.settings import Settings
from shared.errors import AccessDenied, InvalidRequest, TemporarilyUnavailable

MINIMUM: Final = 8  # characters
MAXIMUM: Final = 1024  # octets of UTF-8, so characters too
R = TypeVar("R")


class Passwords:
    """Hashes and verifies passwords off the event loop; for one loop."""

    def __init__(self, settings: Settings) -> None:
        self._hasher: Any = argon2.using(
            type="ID",
            memory_cost=settings.password_memory_kib,
            time_cost=settings.password_time_cost,
            parallelism=settings.password_parallelism,
        )
        self._workers = settings.password_workers
        self._limit = settings.password_workers + settings.password_queue
        self._under_way = 0
        self._free = asyncio.Semaphore(settings.password_workers)
        # The one that was busy last comes first: its memory is warm, which is worth 8 %.
        self._idle = [ThreadPoolExecutor(1, "password") for _ in range(settings.password_workers)]
        self._threads = tuple(self._idle)
        self._seconds = 0.1  # that the last hash took
        self._dummy: str = self._hasher.hash(secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        """Return the Argon2id hash, in PHC format; `TemporarilyUnavailable` if too many wait."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether it is the password; with no hash, take the same time and say no.

        A password over the limit is refused unread. Raises `TemporarilyUnavailable` if too
        many wait.
        """
        if len(password.encode()) > MAXIMUM:
            return False
        verified = await self._run(self._hasher.verify, password, password_hash or self._dummy)
        return verified and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether the hash was made with other parameters than those of the settings."""
        return bool(self._hasher.needs_update(password_hash))

    def close(self) -> None:
        """Let the threads end; whatever waits is dropped."""
        for thread in self._threads:
            thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., R], *args: str) -> R:
        if self._under_way >= self._limit:
            wait = math.ceil(self._under_way * self._seconds / self._workers)
            raise TemporarilyUnavailable("too many log-ins at once", retry_after=max(1, wait))
        self._under_way += 1
        try:
            await self._free.acquire()
        except asyncio.CancelledError:
            self._under_way -= 1
            raise
        thread = self._idle.pop()
        job = partial(self._timed, partial(work, *args))
        future = asyncio.get_running_loop().run_in_executor(thread, job)
        future.add_done_callback(lambda _: self._done(thread))
        # When the caller goes away the hash goes on: the thread is busy until it is done.
        return await asyncio.shield(future)

    def _timed(self, work: Callable[[], R]) -> R:
        began = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds = time.perf_counter() - began

    def _done(self, thread: ThreadPoolExecutor) -> None:
        self._idle.append(thread)
        self._free.release()
        self._under_way -= 1


def check_policy(password: str, username: str) -> None:
    """Refuse a password that will not do (NIST SP 800-63B §3.1.1.2).

    `InvalidRequest` for what the API's schema says too: fewer than `MINIMUM` or more than
    `MAXIMUM` characters, or NUL, which no form at the token endpoint may carry. `AccessDenied`
    for what only we can tell: more octets than `MAXIMUM`, or too easily guessed. Any other
    characters will do, nothing is cut off, and nothing is asked of their mixture.
    """
    if not MINIMUM <= len(password) <= MAXIMUM or "\0" in password:
        raise InvalidRequest(f"the password must have {MINIMUM} to {MAXIMUM} characters, no NUL")
    if len(password.encode()) > MAXIMUM:
        raise AccessDenied(f"the password has more than {MAXIMUM} bytes of UTF-8")
    lower = password.lower()
    if lower in _common_passwords():
        raise AccessDenied("the password is among the most common ones")
    if len(lower.replace(username.lower(), "")) < MINIMUM // 2:
        raise AccessDenied("the password is little more than the user name")


@lru_cache(maxsize=1)
def _common_passwords() -> frozenset[str]:
    # Imported when first needed, since the lists of names and films come along.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(
        word for word in map(str.lower, FREQUENCY_LISTS["passwords"]) if len(word) >= MINIMUM
    )
