"""`session-store`: what a look-up costs, in CPU, in replicas and in distance."""

import statistics
import time
from contextlib import AsyncExitStack
from typing import Final

from lab import analysis, demand, schemes
from lab.bench.client import request, saturate
from lab.client import Request
from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory
from lab.proxy import Wire

SCHEMES: Final = ("none", "memory", "redis", "postgres", "rs256")
DISTANCES_MS: Final = (0, 10, 40)
_ASKED: Final = 15


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Measure a replica of each, for a second; then put the store farther away."""
    people = await lab.people(200)
    sheet.title("CPU per request, from the kernel's accounting")
    rows = []
    for name in SCHEMES:
        scheme = schemes.find(name)
        credentials = await lab.seed(scheme, people)
        requests = [request("GET", "/whoami", dict(one)) for one in credentials]
        async with lab.replica(name) as (process, port):
            assert process.pid is not None  # noqa: S101 - it is ready
            await saturate(port, requests, 0.4)
            store = lab.stores.pids(scheme)
            measured = await demand.measure(process.pid, store, port, requests, 1.0)
        knee = analysis.knee(
            measured.app_us, measured.store_us, store_capacity=1, replica_capacity=1
        )
        limit = "∞" if knee == float("inf") else f"{knee:.0f}"
        rows.append((name, f"{measured.app_us:.0f}", f"{measured.store_us:.0f}", limit))
    sheet.table(("scheme", "app µs", "store µs", "replicas until the store is the limit"), rows)
    sheet.title("The store is moved away: median latency of a request")
    await _distances(sheet, lab)
    sheet.say(
        "RAM makes the look-up cheaper, not nearer: Redis is a network service, not shared memory."
    )


async def _distances(sheet: Sheet, lab: Laboratory) -> None:
    people = await lab.people(1)
    async with AsyncExitStack() as stack:
        asked: dict[str, tuple[Request, Wire | None]] = {}
        for name in ("redis", "postgres", "rs256"):
            scheme = schemes.find(name)
            [credential] = await lab.seed(scheme, people)
            url, wire, told = lab.stores.url(scheme), None, {}
            if url:
                wire = await stack.enter_async_context(Wire.before(url))
                told["LAB_STORE_URL"] = wire.through(url)
            _, port = await stack.enter_async_context(lab.replica(name, variables=told))
            asked[name] = (Request("GET", f"http://127.0.0.1:{port}/whoami", credential), wire)
        rows = []
        for name, (one, wire) in asked.items():
            latencies = []
            for distance in DISTANCES_MS:
                if wire is not None:
                    wire.delay = distance / 2e3
                latencies.append(f"{await _median(lab, one):.0f} ms")
            rows.append((name, *latencies))
    sheet.table(("round trip to the store:", *(f"{ms} ms" for ms in DISTANCES_MS)), rows)


async def _median(lab: Laboratory, asked: Request) -> float:
    await lab.client.send(asked)  # opens the connections
    took = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        await lab.client.send(asked)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


EXHIBIT: Final = Exhibit("Sessions in a database, and in RAM", run)
