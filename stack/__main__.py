"""`python -m stack`: everything up in the foreground, until Ctrl-C."""

import asyncio
import os
import signal
import sys

from rich.console import Console

from stack.errors import StackError
from stack.layout import Ports, Settings
from stack.processes import REPOSITORY
from stack.screen import new_console, welcome
from stack.stack import Stack

STATE = REPOSITORY / ".sealgate"


def main() -> int:
    """Run until a signal; return the exit code."""
    console = new_console()
    try:
        return asyncio.run(_run(console))
    except StackError as error:
        print(f"Sealgate cannot run: {error}", file=sys.stderr)  # noqa: T201
        return 1


async def _run(console: Console) -> int:
    me = asyncio.current_task()
    assert me is not None  # noqa: S101 - a coroutine runs in a task
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    settings = Settings(
        auth_database_url=os.environ.get("AUTH_DATABASE_URL"),
        resource_database_url=os.environ.get("RESOURCE_DATABASE_URL"),
    )
    stack = Stack(STATE, Ports(), settings, tell=lambda line: console.print(line, markup=False))
    try:
        with console.status("Starting …"):
            await stack.start()
        welcome(console, stack)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        console.print("Stopping …")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, lambda: None)
        await stack.stop()
    console.print(f"Stopped; the data stays in {stack.state.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
