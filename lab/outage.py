"""Requests flow while a replica and then the issuer are killed: what does each scheme do?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil, inf
from typing import Final

from lab import strip
from lab.client import Client, NoAnswer
from lab.fleet import Visitor
from lab.load import Shot, fire
from lab.narrator import Narrator
from lab.strip import Lane
from lab.timeline import Timeline
from stack.processes import Process

RATE: Final = 16.0  # requests per second and scheme: one per slice for each of four replicas
_KILL_REPLICA_AT: Final = 2.0  # seconds since the first request
_KILL_ISSUER_AT: Final = 5.0
_LOG_IN_AT: Final = 8.0
_RESTART_AT: Final = 11.0
_PAGE: Final = strip.COLUMNS * strip.SLICE  # seconds
_LATE: Final = 0.5  # seconds that the answers to a page's last requests may take to be drawn


@dataclass(frozen=True)
class Cast:
    """Who takes part: a visitor of each scheme, the JWT's last, and the issuer.

    `size` is the number of replicas behind each load balancer; `expires_at` is the token's
    `exp` and `ends_at` the end of the play, in seconds since 1970.
    """

    client: Client
    issuer: Process
    visitors: Sequence[Visitor]
    size: int
    expires_at: float
    ends_at: float


class Outage:
    """One performance. After `run`, `timeline` has what happened and `shots` what was answered."""

    def __init__(self, cast: Cast, narrator: Narrator) -> None:
        self.timeline = Timeline(asyncio.get_running_loop().time() + 0.2, narrator.event)
        self.shots: dict[str, list[Shot]] = {visitor.name: [] for visitor in cast.visitors}
        self._cast = cast
        self._narrator = narrator
        self._lanes = [Lane(visitor.name) for visitor in cast.visitors]
        slices = int(self.timeline.since(cast.ends_at) / strip.SLICE)
        self._seconds = slices * strip.SLICE
        self._back_at = inf  # when the killed replicas were ready again
        self._refused_at = inf  # when the token was first refused

    def second_life(self) -> list[tuple[str, int, int]]:
        """Return for each killed replica its name, and what it answered while the token was good.

        That is: how many requests since it was back, and how many of them with 200.
        """
        lives = []
        for visitor in self._cast.visitors:
            name = visitor.fleet.replicas[0].name
            shots = self.shots[visitor.name]
            its = [
                s for s in shots if s.replica == name and self._back_at <= s.due < self._refused_at
            ]
            lives.append((name, len(its), sum(shot.status == HTTPStatus.OK for shot in its)))
        return lives

    async def run(self) -> None:
        """Play it, telling each event as it happens and drawing the chart page by page."""
        try:
            async with asyncio.TaskGroup() as group:
                for visitor, lane in zip(self._cast.visitors, self._lanes, strict=True):
                    group.create_task(self._fire(visitor, lane))
                group.create_task(self._play())
                group.create_task(self._expire())
                group.create_task(self._draw())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the others were cancelled because of it

    async def _fire(self, visitor: Visitor, lane: Lane) -> None:
        holds_token = visitor is self._cast.visitors[-1]

        def seen(shot: Shot) -> None:
            lane.add(shot)
            if holds_token and shot.status == HTTPStatus.UNAUTHORIZED and self._refused_at == inf:
                self._refused_at = shot.due
                after = shot.due - self.timeline.since(self._cast.expires_at)
                self.timeline.mark(f"first 401 for the JWT, {after:.1f} s after exp", at=shot.due)

        self.shots[visitor.name] = await fire(
            self._cast.client,
            visitor.request(self._cast.size),
            rate=RATE,
            count=round(self._seconds * RATE),
            start=self.timeline.start,
            seen=seen,
        )

    async def _play(self) -> None:
        """Break things, one after the other."""
        replicas = [visitor.fleet.replicas[0] for visitor in self._cast.visitors]
        await self.timeline.until(_KILL_REPLICA_AT)
        self.timeline.mark(f"kill -9 {', '.join(replica.name for replica in replicas)}")
        await asyncio.gather(*(replica.kill() for replica in replicas))
        await self.timeline.until(_KILL_ISSUER_AT)
        self.timeline.mark("kill -9 auth, the issuer")
        await self._cast.issuer.kill()
        await self.timeline.until(_LOG_IN_AT)
        trial = self.timeline.mark("both try to log in again")
        tries = (self._log_in_again(visitor) for visitor in self._cast.visitors)
        for outcome in await asyncio.gather(*tries):
            self._narrator.remark(trial, outcome)
        await self.timeline.until(_RESTART_AT)
        for replica in replicas:
            await replica.start()
        await asyncio.gather(*(replica.wait_until_ready() for replica in replicas))
        names = " and ".join(replica.name for replica in replicas)
        self._back_at = self.timeline.mark(f"{names} are back").seconds

    async def _log_in_again(self, visitor: Visitor) -> str:
        began = self.timeline.now()
        try:
            log_in = await visitor.log_in_again(self._cast.client, self._cast.size)
        except NoAnswer as error:
            answer = str(error)
        else:
            answer = f"{log_in.response.status} {log_in.response.error}".rstrip()
        waited = self.timeline.now() - began
        return f"{visitor.name}: {answer}, after {waited:.1f} s"

    async def _expire(self) -> None:
        await self.timeline.until(self.timeline.since(self._cast.expires_at))
        self.timeline.mark("exp: the token expires, the leeway begins")

    async def _draw(self) -> None:
        """Draw a page at a time: live on a terminal, once it is full in a pipe."""
        for page in range(ceil(self._seconds / _PAGE)):
            ends_at = min((page + 1) * _PAGE, self._seconds) + _LATE
            with self._narrator.live() as show:
                while (now := self.timeline.now()) < ends_at:
                    await asyncio.sleep(0.125)
                    until = min(now, self._seconds)
                    left = f"{max(0, self._seconds - now):.0f} s to go"
                    show(strip.draw(self._lanes, self.timeline.events, page, until), left)
