"""Waiting for what other processes do, for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], within: float) -> float:
    """Ask again and again until it is so, for `within` seconds at most; the seconds that took."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.02)
    return clock() - began
