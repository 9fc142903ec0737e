"""Open-loop load: requests leave on a schedule, whether or not the earlier ones have returned.

A client that waits for an answer before it sends the next request stops asking just when the
server is slow, and so leaves the worst out of its figures (coordinated omission). Here the
schedule is fixed in advance, and latency counts from the moment a request was due.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.client import Client, NoAnswer, Request


@dataclass(frozen=True, slots=True)
class Shot:
    """One request and what came of it; times are in seconds since the first one was due."""

    due: float
    sent: float
    finished: float
    status: int  # 0: no answer at all
    replica: str  # X-Replica; empty when nobody, or the load balancer itself, answered
    failure: str = ""  # why there was no answer

    @property
    def latency(self) -> float:
        """Seconds from when it was due, not from when it left."""
        return self.finished - self.due

    @property
    def lateness(self) -> float:
        """Seconds by which the client missed its own schedule: keep it far below the latency."""
        return self.sent - self.due


async def fire(
    client: Client,
    request: Request | Sequence[Request],
    *,
    rate: float,
    count: int,
    start: float | None = None,
    seen: Callable[[Shot], None] = lambda _shot: None,
) -> list[Shot]:
    """Send `request` `count` times, `rate` per second, and return the shots as they were due.

    Several requests are sent in turn, so shot number n is of request n modulo their number.
    `start` is a time of the running event loop (now, if not given): lanes that share it share
    their clock. `seen` is called with each shot as it comes back, in the order of return.
    """
    clock = asyncio.get_running_loop().time
    origin = clock() if start is None else start

    async def shoot(due: float, request: Request) -> Shot:
        sent = clock() - origin
        try:
            response = await client.send(request)
            status, replica, failure = response.status, response.header("x-replica") or "", ""
        except NoAnswer as error:
            status, replica, failure = 0, "", str(error)
        shot = Shot(due, sent, clock() - origin, status, replica, failure)
        seen(shot)
        return shot

    requests = [request] if isinstance(request, Request) else request
    tasks = []
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = number / rate
            await asyncio.sleep(origin + due - clock())
            tasks.append(group.create_task(shoot(due, requests[number % len(requests)])))
    return [task.result() for task in tasks]
