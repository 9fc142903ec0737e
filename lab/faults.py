"""The faults of the matrix: what happens, and how it is mended."""

import asyncio
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lab.fleet import Fleet, Visitor
from lab.laboratory import Laboratory
from lab.log_out import log_out
from lab.proxy import Wire
from stack.admin_commands import run_admin_command
from stack.processes import Process

Until = Callable[[float], Awaitable[None]]  # waits until so many seconds after the fault began
_LASTS: Final = 3.0  # seconds until a fault is mended
_AT_ONCE: Final = 10  # people who log out at the same moment


@dataclass(frozen=True)
class Scene:
    """Everything that can break. `stores` and `issuers` are wires of the first replicas only.

    `visitors` tells who is logged in at the moment.
    """

    lab: Laboratory
    fleets: Sequence[Fleet]
    stores: Mapping[str, Wire]
    issuers: Mapping[str, Wire]
    visitors: Callable[[], Sequence[Visitor]] = tuple


@dataclass(frozen=True)
class Fault:
    """One row of the matrix; `seconds` is how long requests flow, `happen` breaks and mends.

    `ends`: everybody is logged out by it, so what is let in afterwards is let in wrongly.
    """

    id: str
    title: str
    happen: Callable[[Scene, Until], Awaitable[None]]
    seconds: float = 8.0
    quick: bool = False
    ends: bool = False


async def _kill_a_replica(scene: Scene, until: Until) -> None:
    first = [fleet.replicas[0] for fleet in scene.fleets]
    await asyncio.gather(*(replica.kill() for replica in first))
    await until(_LASTS)
    await _start(first)


async def _freeze_a_replica(scene: Scene, until: Until) -> None:
    for fleet in scene.fleets:
        fleet.replicas[0].signal(signal.SIGSTOP)
    await until(_LASTS)
    for fleet in scene.fleets:
        fleet.replicas[0].signal(signal.SIGCONT)


async def _kill_the_issuer(scene: Scene, until: Until) -> None:
    auth = scene.lab.stack.auth
    await auth.kill()
    await until(_LASTS)
    await auth.start()
    await auth.wait_until_ready()


async def _kill_the_issuer_and_restart_a_replica(scene: Scene, until: Until) -> None:
    auth = scene.lab.stack.auth
    await auth.kill()
    await until(1.0)
    first = [fleet.replicas[0] for fleet in scene.fleets]
    await asyncio.gather(*(replica.kill() for replica in first))
    await _start(first)
    await until(3 * _LASTS)
    await auth.start()
    await auth.wait_until_ready()


async def _kill_the_stores(scene: Scene, until: Until) -> None:
    await scene.lab.stores.kill()
    await until(_LASTS)
    await scene.lab.stores.start()


async def _cut(wires: Mapping[str, Wire], until: Until) -> None:
    for wire in wires.values():
        wire.cut = True
    await until(_LASTS)
    for wire in wires.values():
        wire.mend()


async def _cut_off_the_stores(scene: Scene, until: Until) -> None:
    await _cut(scene.stores, until)


async def _cut_off_the_issuer(scene: Scene, until: Until) -> None:
    await _cut(scene.issuers, until)


async def _restart_one_after_the_other(scene: Scene, until: Until) -> None:
    """Stop each replica by SIGTERM, start it again, and go on when it is ready."""
    for number in range(len(scene.fleets[0].replicas)):
        replicas = [fleet.replicas[number] for fleet in scene.fleets]
        await asyncio.gather(*(replica.stop() for replica in replicas))
        await _start(replicas)
        await until(8.0 * (number + 1))  # until the load balancers have noticed as well


async def _rotate_the_keys(scene: Scene, until: Until) -> None:
    """As planned: the issuer's next key signs; replicas with a shared key start with another."""
    stack = scene.lab.stack
    await run_admin_command(stack.state.read_variables("auth.env"), ["keys", "rotate"])
    for fleet in scene.fleets:
        if "LAB_HS256_SECRET" in fleet.scheme.variables:
            shared = {"LAB_HS256_SECRET": secrets.token_urlsafe(32)}
            for replica in fleet.replicas:
                replica.tell_it(shared)
                await replica.stop()
                await _start([replica])
    await until(_LASTS)


async def _log_everybody_out(scene: Scene, _until: Until) -> None:
    # In no order: a load balancer that goes round would follow it. Who shares a password is one.
    credentials = {visitor.log_in.credential: visitor for visitor in scene.visitors()}
    different = scene.lab.chance.sample(list(credentials.values()), len(credentials))
    for first in range(0, len(different), _AT_ONCE):
        await asyncio.gather(
            *(
                log_out(scene.lab, visitor, next(iter(visitor.fleet.fronts.values())))
                for visitor in different[first : first + _AT_ONCE]
            )
        )


async def _start(replicas: Sequence[Process]) -> None:
    """Start one after the other: all at once would leave no CPU time for anything else."""
    for replica in replicas:
        await replica.start()
        await replica.wait_until_ready()


FAULTS: Final = (
    Fault("F1", "a replica is killed", _kill_a_replica, seconds=13.0, quick=True),
    Fault("F2", "a replica freezes", _freeze_a_replica),
    Fault("F3", "the issuer is killed", _kill_the_issuer, quick=True),
    Fault(
        "P4",
        "the issuer is dead, and meanwhile a replica starts anew",
        _kill_the_issuer_and_restart_a_replica,
        seconds=14.0,
    ),
    Fault("F4", "the stores are killed", _kill_the_stores, quick=True),
    Fault("F5", "one replica is cut off from the stores", _cut_off_the_stores, seconds=10.0),
    Fault("F6", "one replica is cut off from the issuer", _cut_off_the_issuer),
    Fault("F7", "the keys are rotated, as planned", _rotate_the_keys, seconds=10.0),
    Fault("F10", "everybody logs out", _log_everybody_out, seconds=10.0, quick=True, ends=True),
    Fault(
        "F14",
        "every replica is restarted, one after the other",
        _restart_one_after_the_other,
        seconds=19.0,
    ),
)
