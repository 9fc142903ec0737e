"""P1: what one request costs the replica and its store, in CPU time and in round trips."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

from lab import demand, schemes
from lab.bench.client import request, saturate
from lab.bench.measure import LOAD_CORE, SERVER_CORE, pin
from lab.client import Headers
from lab.experiments import Experiment, Json
from lab.honesty import require_refusal
from lab.laboratory import Laboratory
from lab.proxy import Wire
from lab.schemes import Person, Scheme
from stack.processes import Process

# More than the 4,096 tokens that a replica remembers: in turn, none of them is found there.
PEOPLE: Final = 4352
WARM: Final = 100
SCHEMES: Final = (
    "none",
    "basic",
    "memory",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
BASIC_PEOPLE: Final = 2048


@dataclass(frozen=True)
class Subject:
    """One thing to measure: a scheme in a certain state, at a replica of its own.

    `requests` goes on from slice to slice: to begin anew would meet tokens that are remembered.
    """

    name: str
    scheme: Scheme
    replica: Process
    port: int
    requests: Iterator[bytes]


async def run(
    lab: Laboratory,
    names: Sequence[str] = SCHEMES,
    rounds: int = 6,
    seconds: float = 1.0,
    people: int = PEOPLE,
) -> Json:
    """Measure every subject once in each round, in an order of chance."""
    if lab.quick:
        rounds = 3
    lab.advance(f"{people} tokens from the issuer")
    known = await lab.people(people)
    trips: list[Json] = []
    async with AsyncExitStack() as stack:
        subjects: list[Subject] = []
        for name in names:
            lab.advance(f"{name}: a replica, and {people} who are logged in")
            subjects += await _subjects(lab, name, known, stack, trips)
        slices = await _measure(lab, subjects, rounds, seconds)
    return {"slices": slices, "round_trips": trips, "credentials": people, "warm": WARM}


async def _subjects(
    lab: Laboratory,
    name: str,
    people: list[Person],
    stack: AsyncExitStack,
    trips: list[Json],
) -> list[Subject]:
    scheme = schemes.find(name)
    known = people[:BASIC_PEOPLE] if name == "basic" else people
    credentials = await lab.seed(scheme, known)
    requests = [_request(credential) for credential in credentials]
    if scheme.store != "none":
        trips.append(await count_round_trips(lab, scheme, requests))
    process, port = await stack.enter_async_context(lab.replica(name))
    if name != "none":
        await require_refusal(lab.client, f"http://127.0.0.1:{port}/whoami", credentials[0])
    _place(lab, scheme, process)
    one = Subject(name, scheme, process, port, cycle(requests))
    if name == "rs256":
        warm = Subject("rs256, token seen before", scheme, process, port, cycle(requests[:WARM]))
        cold = Subject("rs256, new token", scheme, process, port, cycle(requests))
        return [cold, warm]
    if name == "postgres":
        process, port = await stack.enter_async_context(
            lab.replica(name, label="postgres-touch", variables={"LAB_TOUCH_EVERY": "0"})
        )
        _place(lab, scheme, process)
        return [one, Subject("postgres, touched each time", scheme, process, port, cycle(requests))]
    return [one]


def _request(credential: Headers) -> bytes:
    return request("GET", "/whoami", dict(credential))


def _place(lab: Laboratory, scheme: Scheme, process: Process) -> None:
    """The replica gets a core for itself; its store shares the other with the load."""
    assert process.pid is not None  # noqa: S101 - it is ready
    pin(process.pid, SERVER_CORE)
    for pid in lab.stores.pids(scheme):
        pin(pid, LOAD_CORE)


async def count_round_trips(lab: Laboratory, scheme: Scheme, requests: list[bytes]) -> Json:
    """Send a few hundred requests to a replica whose wire to the store is counted."""
    url = lab.stores.url(scheme)
    async with Wire.before(url) as wire:
        variables = {"LAB_STORE_URL": wire.through(url)}
        async with lab.replica(
            scheme.name, label=f"{scheme.name}-counted", variables=variables
        ) as (
            _process,
            port,
        ):
            await saturate(port, requests[:WARM], 0.3)  # connections opened, statements prepared
            before, octets = wire.round_trips, wire.octets
            answered = await saturate(port, requests[:WARM], 0.7)
            return {
                "scheme": scheme.name,
                "requests": answered,
                "round_trips": wire.round_trips - before,
                "octets": wire.octets - octets,
            }


async def _measure(
    lab: Laboratory, subjects: list[Subject], rounds: int, seconds: float
) -> list[dict[str, Any]]:
    slices = []
    for subject in subjects:
        await _slice(lab, subject, seconds / 2)  # warm-up, not counted
    for number in range(rounds):
        for subject in lab.chance.sample(subjects, len(subjects)):
            lab.advance(f"round {number + 1} of {rounds}: {subject.name}")
            await _slice(lab, subject, 0.2)  # what the one before has left behind
            measured = await _slice(lab, subject, seconds)
            slices.append({"round": number, "subject": subject.name, **measured.as_json()})
    return slices


async def _slice(lab: Laboratory, subject: Subject, seconds: float) -> demand.Slice:
    assert subject.replica.pid is not None  # noqa: S101 - it is ready
    store = lab.stores.pids(subject.scheme)
    return await demand.measure(subject.replica.pid, store, subject.port, subject.requests, seconds)


EXPERIMENT: Final = Experiment(
    id="P1",
    title="What one request costs",
    run=run,
    seconds=125,
    quick_seconds=55,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
    alone=True,
)
