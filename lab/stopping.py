"""Ctrl-C, SIGTERM and a closed terminal, all of which end a command with everything put away."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def stoppable(work: Coroutine[Any, Any, T]) -> T:
    """Let SIGTERM and a closed terminal end the work as Ctrl-C does: by `CancelledError`."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task
