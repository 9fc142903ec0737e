"""Both sides of the page: the same requests and the same faults, and everybody who watches."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from lab import schemes
from lab.client import Client, NoAnswer, Request
from lab.laboratory import Laboratory
from lab.live import actions
from lab.live.actions import SIZES, VOLLEY, Action
from lab.live.boxes import Boxes
from lab.live.side import Side
from lab.proxy import Wire
from stack.admin_commands import run_admin_command
from stack.errors import StackError

FIRST: Final = ("memory", "rs256+status")
RATE: Final = 16.0  # requests per second and side, in a volley
STREAM: Final = 4.0  # requests per second and side, in a stream
_AFTER_REVOKING: Final = 12.0  # seconds that a stream goes on by itself, to see the end
_MOST_WATCHERS: Final = 8

Json = dict[str, Any]


class Refused(Exception):
    """It cannot be done now; the text is a code that the page has words for."""


class Stage:
    """What the page drives. `act` does one thing at a time; what happens is told to watchers."""

    def __init__(self, lab: Laboratory, issuer: Wire) -> None:
        self.sides = (Side(lab), Side(lab))
        self.size = 2
        self.busy = ""
        self.boxes = Boxes(lab, self.sides, issuer)
        self._lab = lab
        self._lock = asyncio.Lock()
        self._watchers: set[asyncio.Queue[Json]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stream_until = 0.0
        self._streaming = False
        self._volley = 0
        self._ages = Client(timeout=0.8)

    async def open(self) -> None:
        """Start the schemes that are shown first."""
        both = zip(self.sides, FIRST, strict=True)
        await asyncio.gather(*(side.open(name) for side, name in both))

    async def close(self) -> None:
        """Stop everything that was started."""
        for task in self._tasks:
            task.cancel()
        for side in self.sides:
            await side.close()

    # Who watches

    def watch(self) -> "asyncio.Queue[Json]":
        """Return a queue of what happens from now on; `Refused` if there are too many."""
        if len(self._watchers) >= _MOST_WATCHERS:
            raise Refused("crowded")
        queue: asyncio.Queue[Json] = asyncio.Queue(maxsize=2000)
        queue.put_nowait(self.state())
        self._watchers.add(queue)
        return queue

    def leave(self, queue: "asyncio.Queue[Json]") -> None:
        """Tell this one no more."""
        self._watchers.discard(queue)

    def tell(self, event: Json) -> None:
        """Tell everybody; whoever does not listen is left behind."""
        for queue in list(self._watchers):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self.leave(queue)

    def note(self, code: str, **values: object) -> None:
        """Tell everybody something in words; the page has them in each language."""
        self.tell({"event": "note", "code": code, **values})

    def state(self) -> Json:
        """Return all that the page shows."""
        return {
            "event": "state",
            "schemes": list(schemes.SCHEMES),
            "size": self.size,
            "busy": self.busy,
            "streaming": self._streaming,
            "sides": [side.as_json() for side in self.sides],
            **self.boxes.as_json(),
        }

    async def follow_lists(self) -> None:
        """Tell, while anybody watches, how old the replicas' status lists are. Never ends."""
        while True:
            await asyncio.sleep(0.5)
            for number, side in enumerate(self.sides):
                fleet = side.fleet
                if self._watchers and fleet is not None and fleet.scheme.name == "rs256+status":
                    ages = await asyncio.gather(*(self._age(port) for port in fleet.ports))
                    self.tell({"event": "ages", "side": number, "ages": ages})

    async def _age(self, port: int) -> float | None:
        try:
            there = Request("GET", f"http://127.0.0.1:{port}/health/ready")
            answer = (await self._ages.send(there)).json()
        except (NoAnswer, ValueError):
            return None
        lists = answer.get("status_lists")
        ages = [age for age in lists.values() if age is not None] if isinstance(lists, dict) else []
        return min(ages, default=None)

    # What can be done

    async def act(self, action: Action) -> None:
        """Do it; `Refused` says why not."""
        if isinstance(action, actions.Fire | actions.Stream | actions.Tamper):
            self._send(action)
            self.tell(self.state())
            return
        if self._lock.locked():
            raise Refused("busy")
        async with self._lock:
            self.busy = type(action).__name__.lower()
            self.tell(self.state())
            try:
                await self._do(action)
            except Refused:
                raise
            except Exception as error:  # noqa: BLE001 - so much is broken here: say it, go on
                self.note("failed", text=str(error) or type(error).__name__)
            finally:
                self.busy = ""
                self.tell(self.state())

    def _send(self, action: "actions.Fire | actions.Stream | actions.Tamper") -> None:
        if not all(side.visitor for side in self.sides):
            raise Refused("log in first")
        if isinstance(action, actions.Fire):
            self._spawn(self._fire(VOLLEY, RATE))
        elif isinstance(action, actions.Tamper):
            for side in self.sides:
                side.tampered = action.on
            self.note("tampered" if action.on else "untampered")
        else:
            self._stream_until = float("inf") if action.on else 0.0
            self._start_streaming()

    async def _do(self, action: Action) -> None:
        deeds: dict[type, Callable[[Any], Awaitable[None]]] = {
            actions.Choose: self._choose,
            actions.Resize: self._resize,
            actions.LogIn: self._log_in,
            actions.Break: self._break,
            actions.Rotate: self._rotate,
            actions.Revoke: self._revoke,
        }
        await deeds[type(action)](action)

    async def _choose(self, action: actions.Choose) -> None:
        other = self.sides[1 - action.side]
        if action.scheme not in schemes.SCHEMES or other.scheme.name == action.scheme:
            raise Refused("no such scheme")
        self._stream_until = 0.0
        self.boxes.forget(action.side)
        await self.sides[action.side].open(action.scheme)
        self.note("chosen", side=action.side, scheme=action.scheme)

    async def _resize(self, action: actions.Resize) -> None:
        assert action.replicas in SIZES  # noqa: S101 - the type says it
        self.size, self._stream_until = action.replicas, 0.0
        for side in self.sides:
            side.forget()
        self.note("resized", replicas=action.replicas)

    async def _log_in(self, _action: actions.LogIn) -> None:
        statuses = await asyncio.gather(*(side.log_in(self.size) for side in self.sides))
        for number, status in enumerate(statuses):
            code = "logged in" if self.sides[number].visitor else "log-in failed"
            self.note(code, side=number, status=status)

    async def _break(self, action: actions.Break) -> None:
        said = await self.boxes.do(action)
        self.note(said, box=action.box, number=action.number)

    async def _rotate(self, _action: actions.Rotate) -> None:
        environment = self._lab.stack.state.read_variables("auth.env")
        try:
            await run_admin_command(environment, ["keys", "rotate"])
        except StackError as error:
            self.note("rotation refused", text=str(error).partition("failed: ")[2])
            return
        self.note("rotated")
        shared = {"LAB_HS256_SECRET": secrets.token_urlsafe(32)}
        for number, side in enumerate(self.sides):
            if side.fleet is not None and "LAB_HS256_SECRET" in side.scheme.variables:
                for process in side.fleet.replicas:
                    process.tell_it(shared)
                    await process.stop()
                    await process.start()
                    await process.wait_until_ready()
                self.note("shared key changed", side=number)

    async def _revoke(self, _action: actions.Revoke) -> None:
        outcomes = [await side.revoke(self.size) for side in self.sides]
        for number, outcome in enumerate(outcomes):
            self.note(f"revocation {outcome}", side=number)
        if all(side.visitor for side in self.sides):
            now = asyncio.get_running_loop().time()
            self._stream_until = max(self._stream_until, now + _AFTER_REVOKING)
            self._start_streaming()

    # Requests

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start_streaming(self) -> None:
        if not self._streaming and self._stream_until:
            self._streaming = True
            self._spawn(self._stream())

    async def _stream(self) -> None:
        """Send until told to stop, or until nobody is logged in any more."""
        clock = asyncio.get_running_loop().time
        try:
            while clock() < self._stream_until and all(side.visitor for side in self.sides):
                self._spawn(self._fire(1, STREAM))
                await asyncio.sleep(1 / STREAM)
        finally:
            self._streaming = False
            self.tell(self.state())

    async def _fire(self, count: int, rate: float) -> None:
        """Send to both sides at the same moments, whether or not answers have come."""
        self._volley += 1
        volley, size = self._volley, self.size
        clock = asyncio.get_running_loop().time
        origin = clock()
        self.tell({"event": "volley", "volley": volley, "count": count, "rate": rate})
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(origin + number / rate - clock())
                for at in range(len(self.sides)):
                    group.create_task(self._shoot(at, volley, number, size))
        self.tell({"event": "volley over", "volley": volley, "count": count})
        self.tell(self.state())

    async def _shoot(self, at: int, volley: int, number: int, size: int) -> None:
        side = self.sides[at]
        if side.visitor is None or size != self.size:
            return
        landed = await side.send(size)
        shown = {"event": "landed", "side": at, "volley": volley, "number": number}
        self.tell(shown | landed | {"of": side.as_json()})
