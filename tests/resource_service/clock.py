"""A clock for what is fetched again and again, so that its tests need no sleeping."""

import asyncio
from collections.abc import Callable

from resource_service.remote_key_set import RemoteKeySet

MakeKeySet = Callable[..., RemoteKeySet]
FETCHES = {"fetch the JWKS", "fetch a status list", "find the status lists"}


class Clock:
    """Time that passes when told to, and the timers that wait for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def call_later(self, delay: float, call: Callable[[], object]) -> "Timer":
        assert delay >= 0
        self.timers.append(Timer(self, self.now + delay, call))
        return self.timers[-1]

    async def advance(self, seconds: float) -> None:
        """Let time pass, and every fetch that begins meanwhile come to its end."""
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            self.now = max(self.now, timer.at)
            timer.cancel()
            timer.call()
            await fetched()
        self.now = until


class Timer:
    def __init__(self, clock: Clock, at: float, call: Callable[[], object]) -> None:
        self.clock, self.at, self.call = clock, at, call

    def cancel(self) -> None:
        if self in self.clock.timers:
            self.clock.timers.remove(self)


async def fetched() -> None:
    """Wait until no fetch is under way."""
    fetches = [task for task in asyncio.all_tasks() if task.get_name() in FETCHES]
    if fetches:
        await asyncio.wait(fetches, timeout=5)
