"""`python -m stack`: everything up in the foreground, until Ctrl-C."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from stack.errors import StackError
from stack.layout import Ports, Settings
from stack.screen import new_console, welcome
from stack.stack import Stack
from stack.state import DEFAULT_STATE

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run until a signal; return the exit code."""
    options = _options()
    try:
        return asyncio.run(_run(options.state, options.ports, new_console()))
    except (StackError, OSError) as error:
        print(f"Sealgate cannot run: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m stack", description="The whole of Sealgate on this machine."
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        help="the folder with all data and keys (default: .sealgate in the checkout)",
    )
    parser.add_argument(
        "--ports",
        type=Ports.parse,
        default=Ports(),
        metavar="AUTH,AUTH_PROCESS,RESOURCE,REPLICA,…",
        help="where to listen, with as many replicas as ports for them"
        " (default: 8000,8001,8080,8081,8082)",
    )
    return parser.parse_args()


async def _run(state: Path, ports: Ports, console: Console) -> int:
    me = asyncio.current_task()
    assert me is not None  # noqa: S101 - a coroutine runs in a task
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    settings = Settings(
        auth_database_url=os.environ.get("AUTH_DATABASE_URL"),
        auth_owner_database_url=os.environ.get("AUTH_MIGRATION_DATABASE_URL"),
        resource_database_url=os.environ.get("RESOURCE_DATABASE_URL"),
    )
    stack = Stack(state, ports, settings, tell=lambda line: console.print(line, markup=False))
    try:
        with console.status("Starting …"):
            await stack.start()
        welcome(console, stack)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        console.print("Stopping …")
    finally:
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, lambda: None)
        await stack.stop()
    console.print(f"Stopped; the data stays in {stack.state.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
