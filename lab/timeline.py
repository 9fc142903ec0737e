"""What happened when, and how the schemes answered between one event and the next."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from string import ascii_uppercase

from lab.load import Shot


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened `seconds` after the start."""

    letter: str
    seconds: float
    text: str


class Timeline:
    """A clock that begins at a given moment of the running event loop, and the events on it."""

    def __init__(self, start: float, happened: Callable[[Event], None]) -> None:
        """`start` may lie ahead; `happened` is called with each event."""
        self.start = start
        self.events: list[Event] = []
        self._clock = asyncio.get_running_loop().time
        self._happened = happened
        self._epoch = time.time() - self._clock() + start

    def now(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self.start

    def since(self, numeric_date: float) -> float:
        """Turn seconds since 1970, such as a token's `exp`, into seconds since the start."""
        return numeric_date - self._epoch

    async def until(self, seconds: float) -> None:
        """Sleep until so many seconds after the start."""
        await asyncio.sleep(seconds - self.now())

    def mark(self, text: str, *, at: float | None = None) -> Event:
        """Note that something happens now, or happened `at`; events are lettered in order."""
        event = Event(ascii_uppercase[len(self.events)], self.now() if at is None else at, text)
        self.events.append(event)
        self._happened(event)
        return event

    def between(self, shots: Iterable[Shot]) -> list[list[Shot]]:
        """Sort shots by the event they were due after; first those due before any event."""
        bounds = [-inf, *(event.seconds for event in self.events), inf]
        known = list(shots)
        return [[shot for shot in known if a <= shot.due < b] for a, b in pairwise(bounds)]
