"""F: the fault matrix. All schemes side by side suffer the same fault at the same time.

Open loop, latency from the intended send time, and every request twice: through a load balancer
that tries another replica, and through one that does not.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from lab import schemes
from lab.experiments import Experiment, Json
from lab.faults import FAULTS, Fault, Scene
from lab.fleet import Fleet, Visitor
from lab.laboratory import Laboratory
from lab.load import Shot, fire
from lab.proxy import Wire
from lab.strip import outcome
from stack.caddy import Front
from stack.ports import free_ports

SCHEMES: Final = (
    "none",
    "basic",
    "memory",
    "sticky",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
REPLICAS: Final = 2
RATE: Final = 20.0  # requests per second, scheme and front
SLOW: Final = {"basic": 2.0}  # a password hash each: more would be a load of its own
SLICE: Final = 0.25  # seconds
BEGIN: Final = 1.5  # seconds after the first request: the fault
PEOPLE: Final = 15  # odd: or each would meet the same replica at every turn


@dataclass
class Lane:
    """One scheme in the matrix: its replicas, its two fronts, and who is logged in."""

    name: str
    fleet: Fleet
    plain: str  # the address of the front that never tries twice
    visitors: list[Visitor] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second and front."""
        return SLOW.get(self.name, RATE)


async def run(
    lab: Laboratory, names: Sequence[str] = SCHEMES, faults: Sequence[Fault] = FAULTS
) -> Json:
    """Let each fault happen to all schemes at once."""
    if lab.quick:
        faults = [fault for fault in faults if fault.quick]
    async with AsyncExitStack() as stack:
        wires = await _wires(lab, stack)
        lanes = [await _lane(lab, name, stack, wires) for name in names]
        scene = Scene(
            lab,
            [lane.fleet for lane in lanes],
            wires["store"],
            wires["issuer"],
            lambda: [visitor for lane in lanes for visitor in lane.visitors],
        )
        cells: list[Json] = []
        for fault in lab.chance.sample(list(faults), len(faults)):
            lab.advance(f"{fault.id}: {fault.title}")
            cells += await _suffer(lab, scene, lanes, fault)
    return {"cells": cells, "slice": SLICE, "begin": BEGIN, "replicas": REPLICAS, "people": PEOPLE}


async def _wires(lab: Laboratory, stack: AsyncExitStack) -> dict[str, dict[str, Wire]]:
    """Make wires for the first replica of each scheme: those to the stores and to the issuer."""
    places = lab.stores.places
    store = {
        "postgres": await stack.enter_async_context(Wire.before(places.database_url)),
        "redis": await stack.enter_async_context(Wire.before(places.redis_url)),
    }
    introspection = lab.stores.url(schemes.find("opaque"))
    issuer = {
        "keys": await stack.enter_async_context(Wire.before(lab.stack.auth_url)),
        "introspection": await stack.enter_async_context(Wire.before(introspection)),
    }
    return {"store": store, "issuer": issuer}


async def _lane(
    lab: Laboratory, name: str, stack: AsyncExitStack, wires: dict[str, dict[str, Wire]]
) -> Lane:
    lab.advance(f"{name}: {REPLICAS} replicas")

    def each(number: int) -> dict[str, str]:
        # Keys are kept no longer than the issuer says, so that a rotation is in the picture.
        always = {"RESOURCE_JWKS_SHORTEST_LIFE": "1"}
        if number != 1:
            return always
        issuer = wires["issuer"]["keys"].port
        changed = always | {"RESOURCE_JWKS_URI": f"http://127.0.0.1:{issuer}/.well-known/jwks.json"}
        scheme = schemes.find(name)
        if scheme.store != "none":
            url = lab.stores.url(scheme)
            asks_issuer = scheme.store == "issuer"
            wire = wires["issuer"]["introspection"] if asks_issuer else wires["store"][scheme.store]
            changed["LAB_STORE_URL"] = wire.through(url)
        return changed

    fleet = await stack.enter_async_context(lab.fleet(name, (REPLICAS,), each=each))
    [port] = free_ports(1)
    front = Front(port, fleet.ports, policy=fleet.scheme.policy, try_for=0)
    balancer = await lab.stack.start_load_balancer(f"caddy-plain-{name}", [front])
    stack.push_async_callback(balancer.kill)
    await balancer.wait_until_ready()
    return Lane(name, fleet, f"http://127.0.0.1:{port}")


async def _suffer(lab: Laboratory, scene: Scene, lanes: Sequence[Lane], fault: Fault) -> list[Json]:
    for lane in lanes:
        await _log_in(lab, lane)
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.2
    acting = asyncio.create_task(_act(scene, fault, start))
    both = [(lane, front) for lane in lanes for front in ("retrying", "plain")]
    shots = await asyncio.gather(*(_fire(lab, lane, front, fault, start) for lane, front in both))
    mended = await acting
    if fault.ends:
        await lab.prepare(schemes.find("basic"))  # the password that was changed
    left = {lane.name: await _still_logged_in(lab, lane) for lane in lanes}
    return [
        {
            "fault": fault.id,
            "scheme": lane.name,
            "front": front,
            "mended": mended,
            "seconds": fault.seconds,
            "people": len(lane.visitors),
            "logged_out": 0 if fault.ends else len(lane.visitors) - left[lane.name],
            "ends": fault.ends,
            "slices": _slices(fired, fault.seconds),
            "late_ms": max(shot.lateness for shot in fired) * 1e3,
        }
        for (lane, front), fired in zip(both, shots, strict=True)
    ]


async def _act(scene: Scene, fault: Fault, start: float) -> float:
    """Let it happen on time; return when it was over, in seconds since `start`."""
    now = asyncio.get_running_loop().time
    await asyncio.sleep(start + BEGIN - now())
    await fault.happen(scene, lambda seconds: asyncio.sleep(start + BEGIN + seconds - now()))
    return now() - start


async def _fire(lab: Laboratory, lane: Lane, front: str, fault: Fault, start: float) -> list[Shot]:
    count = int(lane.rate * fault.seconds)
    requests = [visitor.request(REPLICAS) for visitor in lane.visitors]
    if front == "plain":
        requests = [r.moved_to(f"{lane.plain}/whoami") for r in requests]
    return await fire(lab.client, requests, rate=lane.rate, count=count, start=start)


async def _log_in(lab: Laboratory, lane: Lane) -> None:
    """Log in whoever is not, so that each fault begins with everybody logged in."""
    if lane.visitors and await _still_logged_in(lab, lane) == len(lane.visitors):
        return
    lane.visitors = [await lab.visitor(lane.fleet, REPLICAS) for _ in range(PEOPLE)]


async def _still_logged_in(lab: Laboratory, lane: Lane) -> int:
    """Count the people whom at least one replica still knows."""
    known = 0
    for visitor in lane.visitors:
        for port in lane.fleet.ports:
            there = visitor.request(REPLICAS).moved_to(f"http://127.0.0.1:{port}/whoami")
            if (await lab.client.send(there)).status == 200:
                known += 1
                break
    return known


def _slices(shots: Sequence[Shot], seconds: float) -> list[dict[str, Any]]:
    """Count the outcomes of the requests that were due in each slice of time."""
    counts = [Counter[str]() for _ in range(round(seconds / SLICE))]
    slowest = [0.0] * len(counts)
    for shot in shots:
        at = min(int(shot.due / SLICE), len(counts) - 1)
        counts[at][outcome(shot)] += 1
        slowest[at] = max(slowest[at], shot.latency)
    return [
        {"counts": dict(sorted(count.items())), "slowest_ms": latency * 1e3}
        for count, latency in zip(counts, slowest, strict=True)
    ]


EXPERIMENT: Final = Experiment(
    id="F",
    title="The fault matrix",
    run=run,
    seconds=185,
    quick_seconds=75,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600", "AUTH_JWKS_MAX_AGE": "2"},
)
