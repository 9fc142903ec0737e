"""Processes that we start, watch, start again when they die, and stop."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import httpx

from stack.errors import StackError
from stack.tether import tethered

REPOSITORY: Final = Path(__file__).parent.parent
_FIRST_DELAY: Final = 0.25  # seconds before a dead process is started again; doubles
_LONGEST_DELAY: Final = 10.0
_STEADY: Final = 10.0  # a process that ran this long was well: its next delay is the first one
_STOPPED_WITHIN: Final = 8.0  # seconds; the services promise to be gone in 5


@dataclass(frozen=True)
class Program:
    """What to run: `command[0]` is an absolute path, `ready_url` answers 200 when it is ready."""

    name: str
    command: list[str]
    ready_url: str
    environment: Mapping[str, str] = field(repr=False)


class Process:
    """One program, running or not, with its log file.

    With `restart` it is started again whenever it ends without being asked to, once it has
    been ready. `tell` gets a line about each such event. Start it from the main thread:
    `tether.py` says why.
    """

    def __init__(
        self, program: Program, logs: Path, *, restart: bool, tell: Callable[[str], None]
    ) -> None:
        self.name = program.name
        self.log = logs / f"{program.name}.log"
        self.restart = restart
        self._program = program
        self._was_ready = False
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the program and come back at once; `wait_until_ready` is another step."""
        await self._spawn()
        self._watch = asyncio.create_task(self._start_again_when_it_dies())

    def tell_it(self, variables: Mapping[str, str]) -> None:
        """Change variables of its environment, from its next start on."""
        environment = {**self._program.environment, **variables}
        self._program = replace(self._program, environment=environment)

    async def wait_until_ready(self, within: float = 30.0) -> None:
        """Poll `ready_url` for at most `within` seconds; `StackError` if it dies or is too slow."""
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as http:
            deadline = asyncio.get_running_loop().time() + within
            while asyncio.get_running_loop().time() < deadline:
                with suppress(httpx.TransportError):
                    if (await http.get(self._program.ready_url)).status_code == httpx.codes.OK:
                        self._was_ready = True
                        return
                if self.pid is None and not (self.restart and self._was_ready):
                    break
                await asyncio.sleep(0.05)
        raise StackError(f"{self.name} did not get ready: {self.last_words()} (log: {self.log})")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it runs: SIGSTOP freezes it, SIGCONT thaws it, SIGKILL is a crash."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):  # it ended a moment ago
                self._process.send_signal(number)

    async def kill(self) -> None:
        """End it by SIGKILL and leave it dead until `start`."""
        await self._forget()
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End it by SIGTERM, and by SIGKILL if it does not obey in time."""
        await self._forget()
        if self._process is None:
            return
        # A frozen process is thawed first: after SIGTERM it may be gone before we signal again.
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _STOPPED_WITHIN)
        except TimeoutError:
            self._tell(f"{self.name} did not stop within {_STOPPED_WITHIN:.0f} s: killed")
            await self.kill()

    def last_words(self) -> str:
        """Return the last line of the log."""
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return "it said nothing"
        return lines[-1] if lines else "it said nothing"

    async def _spawn(self) -> None:
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(self._program.command, signal.SIGKILL),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(self._program.environment),
                cwd=REPOSITORY,
                start_new_session=True,
            )

    async def _start_again_when_it_dies(self) -> None:
        delay = _FIRST_DELAY
        now = asyncio.get_running_loop().time
        while self._process is not None:
            started = now()
            code = await self._process.wait()
            ended = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended ({code})"
            if not self._was_ready:
                return  # `wait_until_ready` tells
            if not self.restart:
                self._tell(f"{self.name} {ended}: {self.last_words()}")
                return
            delay = _FIRST_DELAY if now() - started > _STEADY else min(delay * 2, _LONGEST_DELAY)
            self._tell(f"{self.name} {ended}; starting it again in {delay:g} s (log: {self.log})")
            await asyncio.sleep(delay)
            await self._spawn()

    async def _forget(self) -> None:
        """Stop watching, so that the coming end is not mistaken for a crash."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
