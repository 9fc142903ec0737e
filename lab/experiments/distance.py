"""P3: what a longer way to the store does to a request. Open loop, one replica each."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from lab import schemes
from lab.client import Request
from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory
from lab.load import fire
from lab.proxy import Wire
from lab.schemes.redis import connect

SCHEMES: Final = ("none", "postgres", "redis", "opaque", "hs256", "rs256", "rs256+status")
# Added to each round trip to the store. Timers are too coarse for less than 2 ms.
ROUND_TRIPS_MS: Final = (0.0, 2.0, 10.0, 30.0, 80.0)
RATE: Final = 25.0  # requests per second and scheme
PEOPLE: Final = 2048


@dataclass(frozen=True)
class Lane:
    """One scheme: requests for its replica, and the wire to its store."""

    name: str
    requests: list[Request]
    wire: Wire | None


async def run(
    lab: Laboratory,
    names: Sequence[str] = SCHEMES,
    round_trips_ms: Sequence[float] = ROUND_TRIPS_MS,
    rounds: int = 6,
    seconds: float = 1.6,
) -> Json:
    """Fire at all schemes at once, for each distance, in an order of chance."""
    if lab.quick:
        rounds, seconds = 2, 1.5
    points: list[Json] = []
    people = await lab.people(PEOPLE)
    async with AsyncExitStack() as stack:
        lanes = []
        for name in names:
            scheme = schemes.find(name)
            credentials = await lab.seed(scheme, people)
            url, wire, variables = lab.stores.url(scheme), None, {}
            if url:
                wire = await stack.enter_async_context(Wire.before(url))
                variables["LAB_STORE_URL"] = wire.through(url)
            _, port = await stack.enter_async_context(lab.replica(name, variables=variables))
            requests = [Request("GET", f"http://127.0.0.1:{port}/whoami", c) for c in credentials]
            lanes.append(Lane(name, lab.chance.sample(requests, len(requests)), wire))
        ruler = await stack.enter_async_context(Wire.before(lab.stores.places.redis_url))
        for number in range(rounds):
            for added in lab.chance.sample(round_trips_ms, len(round_trips_ms)):
                lab.advance(f"round {number + 1} of {rounds}: {added:g} ms")
                for wire in (ruler, *(lane.wire for lane in lanes if lane.wire is not None)):
                    wire.delay = added / 2e3
                measured = await _round_trip(lab, ruler)
                await _fire(lab, lanes, seconds=0.5)  # connections opened, and not counted
                for lane, latencies in await _fire(lab, lanes, seconds):
                    points.append(
                        {
                            "round": number,
                            "scheme": lane.name,
                            "added_ms": added,
                            "measured_ms": measured,
                            "latency_ms": latencies,
                        }
                    )
    return {"points": points, "rate": RATE}


async def _fire(
    lab: Laboratory, lanes: Sequence[Lane], seconds: float
) -> list[tuple[Lane, list[float]]]:
    """Return the latencies in ms, sorted; a request without a 200 counts as a minute."""
    count = max(1, int(seconds * RATE))
    begin = asyncio.get_running_loop().time() + 0.05
    fired = await asyncio.gather(
        *(
            # In turn, so that they do not queue for the same core.
            fire(
                lab.client,
                lane.requests,
                rate=RATE,
                count=count,
                start=begin + turn / RATE / len(lanes),
            )
            for turn, lane in enumerate(lanes)
        )
    )
    return [
        (
            lane,
            sorted(shot.latency * 1e3 if shot.status == 200 else 60_000.0 for shot in shots),
        )
        for lane, shots in zip(lanes, fired, strict=True)
    ]


async def _round_trip(lab: Laboratory, ruler: Wire) -> float:
    """Return the median round trip of a PING by such a wire, in ms: what the delay really is."""
    valkey = connect(ruler.through(lab.stores.places.redis_url))
    try:
        took = []
        for _ in range(9):
            began = time.perf_counter()
            await valkey.ping()
            took.append(time.perf_counter() - began)
    finally:
        await valkey.aclose()
    return sorted(took)[4] * 1e3


EXPERIMENT: Final = Experiment(
    id="P3",
    title="Latency against the distance to the store",
    run=run,
    seconds=85,
    quick_seconds=40,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
)
