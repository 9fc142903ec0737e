"""C2: does revocation rebuild the store? A polled status list against a deny-list that is asked.

Both replicas verify the same tokens. One follows the issuer's list in the background, the other
asks Redis on every request whether this token was revoked.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Final

from lab import demand, schemes
from lab.bench.client import request, saturate
from lab.bench.measure import LOAD_CORE, SERVER_CORE, pin
from lab.client import Request
from lab.experiments import Experiment, Json
from lab.experiments.cost_per_request import count_round_trips
from lab.experiments.revocation import log_out_side_by_side
from lab.laboratory import Laboratory
from lab.proxy import Wire
from lab.schemes import rs256_denylist
from lab.schemes.password_check import claims
from resource_service.status_list import POLL

PLAIN: Final = "rs256"
LISTED: Final = "rs256+status"
DENIED: Final = "rs256+denylist"
NAMES: Final = (PLAIN, LISTED, DENIED)
PEOPLE: Final = 500
TRIALS: Final = 50


async def run(lab: Laboratory, rounds: int = 6, seconds: float = 1.0, trials: int = TRIALS) -> Json:
    """Return operations, octets and CPU per request, the delay, and what an outage does."""
    if lab.quick:
        rounds, trials = 2, 20
    people = await lab.people(PEOPLE)
    requests = [request("GET", "/whoami", {"Authorization": f"Bearer {p.token}"}) for p in people]
    lab.advance("operations per request")
    asked = await count_round_trips(lab, schemes.find(DENIED), requests)
    slices = await _cpu(lab, requests, rounds, seconds)
    lab.advance(f"{trials} revocations by the deny-list")
    lags = {DENIED: await _deny(lab, trials)}
    lab.advance(f"{trials} revocations by the status list")
    async with lab.fleet(LISTED, (2,)) as fleet:
        lags[LISTED] = await log_out_side_by_side(lab, fleet, trials)
    return {
        "asked": asked,
        "polled": await _polls(lab, requests),
        "list_octets": await _list_octets(lab),
        "poll": POLL,
        "slices": slices,
        "lags": lags,
        "outage": await _outage(lab),
    }


async def _cpu(lab: Laboratory, requests: list[bytes], rounds: int, seconds: float) -> list[Json]:
    """Measure the CPU per request of each, a replica at a time, in an order of chance."""
    slices: list[Json] = []
    async with AsyncExitStack() as stack:
        replicas = {name: await stack.enter_async_context(lab.replica(name)) for name in NAMES}
        for pid in lab.stores.pids(schemes.find(DENIED)):
            pin(pid, LOAD_CORE)
        for process, port in replicas.values():
            assert process.pid is not None  # noqa: S101 - it is ready
            pin(process.pid, SERVER_CORE)
            await saturate(port, requests, 0.4)  # connections opened, tokens remembered
        for number in range(rounds):
            for name in lab.shuffled(NAMES):
                lab.advance(f"round {number + 1} of {rounds}: {name}")
                process, port = replicas[name]
                assert process.pid is not None  # noqa: S101 - it is ready
                store = lab.stores.pids(schemes.find(name))
                measured = await demand.measure(process.pid, store, port, requests, seconds)
                slices.append({"round": number, "subject": name, **measured.as_json()})
    return slices


async def _deny(lab: Laboratory, trials: int) -> list[float]:
    """Return the seconds from the end of writing the list to the last 200, for each trial."""
    lags = []
    async with lab.fleet(DENIED, (2,)) as fleet:
        for _ in range(trials):
            visitor = await lab.visitor(fleet, 2)
            asking = asyncio.create_task(_last_200(lab, visitor.request(2)))
            await asyncio.sleep(lab.chance.uniform(0.02, 0.06))
            await rs256_denylist.deny(lab.stores.places, claims(visitor.token))
            denied = time.monotonic()
            lags.append(await asking - denied)
    return lags


async def _last_200(lab: Laboratory, asked: Request) -> float:
    last = -1.0
    while (await lab.client.send(asked)).status == HTTPStatus.OK:
        last = time.monotonic()
    return last


async def _polls(lab: Laboratory, requests: list[bytes]) -> Json:
    """Count the polls of a busy replica over two of them, and what it answered meanwhile."""
    lab.advance("polls of the status list under load")
    async with lab.replica(LISTED) as (_, port):
        await saturate(port, requests, 1.0)
        before, answered = await _fetches(lab, port), 0
        answered = await saturate(port, requests, 2 * POLL)
        return {
            "requests": answered,
            "polls": await _fetches(lab, port) - before,
            "seconds": 2 * POLL,
        }


async def _fetches(lab: Laboratory, port: int) -> int:
    page = await lab.client.send(Request("GET", f"http://127.0.0.1:{port}/metrics"))
    name = "sealgate_status_list_fetches_total{"
    lines = [line for line in page.body.decode().splitlines() if line.startswith(name)]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


async def _list_octets(lab: Laboratory) -> Json:
    """Return what a poll weighs on the wire, both ways: the list is new, or unchanged."""
    [person] = await lab.people(1)
    assert person.claims.status is not None  # noqa: S101 - our issuer's always have one
    address = person.claims.status.status_list.uri
    headers: tuple[tuple[str, str], ...] = (("accept", "application/statuslist+jwt"),)
    weights = {}
    async with Wire.before(address) as wire:
        for what in ("changed", "unchanged"):
            before = wire.octets
            answer = await lab.client.send(Request("GET", wire.through(address), headers))
            weights[what] = wire.octets - before
            headers = (*headers, ("if-none-match", answer.header("etag") or ""))
    return weights


async def _outage(lab: Laboratory) -> Json:
    """Kill what each depends on and ask: the deny-list's Redis, and the status list's issuer."""
    lab.advance("without Redis, and without the issuer")
    statuses: Json = {}
    for name in (DENIED, LISTED):
        async with lab.fleet(name, (1,)) as fleet:
            asked = (await lab.visitor(fleet, 1)).request(1)
            if name == DENIED and lab.stores.redis is None:
                continue  # it is not ours to kill
            await (lab.stores.kill() if name == DENIED else lab.stack.auth.kill())
            statuses[name] = [(await lab.client.send(asked)).status for _ in range(10)]
            if name == DENIED:
                await lab.stores.start()
    return statuses


EXPERIMENT: Final = Experiment(
    id="C2",
    title="Revocation: a list that is polled against one that is asked",
    run=run,
    seconds=65,
    quick_seconds=45,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
    alone=True,
)
