"""What can be broken on the page, and in which state it is: replicas, stores, the issuer, wires."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

from lab import schemes
from lab.laboratory import Laboratory
from lab.live.actions import SIZES, Break
from lab.live.side import Side
from lab.proxy import Wire
from stack.processes import Process

State = Literal["up", "dead", "frozen", "starting"]


class Boxes:
    """Breaks and mends; what happens to a replica happens to its twin on the other side too."""

    def __init__(self, lab: Laboratory, sides: Sequence[Side], issuer: Wire) -> None:
        """`issuer` is the wire by which all replicas reach the issuer."""
        self._lab = lab
        self._sides = sides
        self._issuer_wire = issuer
        self._replicas: list[list[State]] = [["up"] * max(SIZES) for _ in sides]
        self._store: State = "up"
        self._issuer: State = "up"

    def as_json(self) -> dict[str, Any]:
        """Return the state of everything."""
        return {
            "replicas": self._replicas,
            "store": self._store,
            "store_cut": all(wire.cut for side in self._sides for wire in side.wires)
            and any(side.wires for side in self._sides),
            "issuer": self._issuer,
            "issuer_cut": self._issuer_wire.cut,
        }

    def forget(self, side: int) -> None:
        """The replicas of a side are new."""
        self._replicas[side] = ["up"] * max(SIZES)

    async def do(self, action: Break) -> str:
        """Do it; return a code for what was done."""
        if action.box == "replica":
            return await self._to_replica(action)
        if action.box == "store":
            return await self._to_store(action)
        return await self._to_issuer(action)

    async def _to_replica(self, action: Break) -> str:
        index = action.number - 1
        if action.what == "cut":
            return _toggle_wires([side.wires[index] for side in self._sides if side.wires])
        thaws = any(states[index] == "frozen" for states in self._replicas)

        async def one(at: int, side: Side) -> None:
            if side.fleet is None:
                return  # its scheme could not be started
            states = self._replicas[at]
            process = side.fleet.replicas[index]
            if action.what in {"kill", "restart"} and side.home == action.number:
                side.home = 0  # its memory is gone
            states[index] = await _do(process, action.what, states[index], thaws=thaws)

        await asyncio.gather(*(one(at, side) for at, side in enumerate(self._sides)))
        return "thaw" if action.what == "freeze" and thaws else action.what

    async def _to_issuer(self, action: Break) -> str:
        if action.what == "cut":
            return _toggle_wires([self._issuer_wire])
        thaws = self._issuer == "frozen"
        self._issuer = await _do(self._lab.stack.auth, action.what, self._issuer, thaws=thaws)
        return "thaw" if action.what == "freeze" and thaws else action.what

    async def _to_store(self, action: Break) -> str:
        stores = self._lab.stores
        if action.what == "cut":
            return _toggle_wires([wire for side in self._sides for wire in side.wires])
        if stores.redis is None:
            return "not ours"  # LAB_REDIS_URL names it: whoever runs it may not like this
        if action.what == "freeze":
            if self._store == "dead":
                return "freeze"
            thaws = self._store == "frozen"
            self._signal_stores(signal.SIGCONT if thaws else signal.SIGSTOP)
            self._store = "up" if thaws else "frozen"
            return "thaw" if thaws else "freeze"
        if self._store != "dead":
            await stores.kill()
            self._store = "dead"
        if action.what == "restart":
            await stores.start()
            self._store = "up"
        return action.what

    def _signal_stores(self, number: signal.Signals) -> None:
        for name in ("redis", "postgres"):
            for pid in self._lab.stores.pids(schemes.find(name)):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


async def _do(process: Process, what: str, state: State, *, thaws: bool) -> State:
    """Kill, freeze or thaw, or restart a process; return the state it is in then."""
    if what == "kill":
        await process.kill()
        return "dead"
    if what == "freeze":
        if state == "dead":
            return "dead"
        process.signal(signal.SIGCONT if thaws else signal.SIGSTOP)
        return "up" if thaws else "frozen"
    if state != "dead":
        await process.stop()
    await process.start()
    await process.wait_until_ready()
    return "up"


def _toggle_wires(wires: Sequence[Wire]) -> str:
    """Cut them all, or mend them if one is cut."""
    if not wires:
        return "nothing to cut"
    mends = any(wire.cut for wire in wires)
    for wire in wires:
        if mends:
            wire.mend()
        else:
            wire.cut = True
    return "mend" if mends else "cut"
