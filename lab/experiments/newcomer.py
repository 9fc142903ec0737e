"""P7: a new replica, started while its neighbours work: when does it answer the first 200?"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

from lab.client import NoAnswer, Request
from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory
from lab.load import fire
from lab.proxy import Wire

SCHEMES: Final = (
    "none",
    "memory",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
RATE: Final = 50.0  # requests per second to the replica that is there already
_GIVE_UP: Final = 2.5  # seconds


async def run(lab: Laboratory, rounds: int = 6) -> Json:
    """Start a replica for each scheme in each round, and ask it every 10 ms."""
    if lab.quick:
        rounds = 2
    starts: list[Json] = []
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire.before(lab.stack.auth_url))
        visitors = {}
        for name in SCHEMES:
            lab.advance(f"{name}: a replica")
            fleet = await stack.enter_async_context(lab.fleet(name, (1,)))
            visitors[name] = await lab.visitor(fleet, 1)
        for number in range(rounds):
            for name in lab.shuffled(SCHEMES):
                lab.advance(f"round {number + 1} of {rounds}: {name}")
                request = visitors[name].request(1)
                load = asyncio.create_task(
                    fire(lab.client, request, rate=RATE, count=int(RATE * _GIVE_UP))
                )
                starts.append(
                    {"scheme": name, "round": number, **await _start(lab, name, request, wire)}
                )
                load.cancel()
                await asyncio.wait([load])
    return {"starts": starts, "gave_up_after": _GIVE_UP}


async def _start(lab: Laboratory, name: str, request: Request, wire: Wire) -> dict[str, object]:
    """Return the seconds from the start to the first answer and to the first 200, if there was."""
    before = wire.connections
    jwks = {"RESOURCE_JWKS_URI": f"http://127.0.0.1:{wire.port}/.well-known/jwks.json"}
    for variable in ("RESOURCE_JWKS_FILE", "RESOURCE_STATUS_FILE"):
        file = lab.stack.state.path / f"never-{variable.lower()}"
        file.unlink(missing_ok=True)
        jwks[variable] = str(file)
    began = time.monotonic()
    async with lab.replica(name, label="newcomer", variables=jwks, wait=False) as (_, port):
        there = request.moved_to(f"http://127.0.0.1:{port}/whoami")
        answer, accepted, refused = None, None, 0
        while accepted is None and time.monotonic() - began < _GIVE_UP:
            status = await _status(lab, there)
            now = time.monotonic() - began
            answer = now if answer is None and status else answer
            accepted = now if status == 200 else None
            refused += status not in (0, 200)
            await asyncio.sleep(0.01)
    return {
        "first_answer": answer,
        "first_200": accepted,
        "refused_before": refused,
        "fetches": wire.connections - before,
    }


async def _status(lab: Laboratory, request: Request) -> int:
    try:
        return (await lab.client.send(request)).status
    except NoAnswer:
        return 0


EXPERIMENT: Final = Experiment(
    id="P7",
    title="A new replica is useful at once",
    run=run,
    seconds=75,
    quick_seconds=45,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
)
