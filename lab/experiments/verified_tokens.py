"""P8: what the cache of verified tokens buys, by the share of requests that find theirs in it."""

from collections.abc import Sequence
from itertools import cycle
from typing import Final

from lab import demand
from lab.bench.client import request
from lab.bench.measure import SERVER_CORE, pin
from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory

PLACES: Final = 4096  # what `AccessTokenVerifier` remembers by default
PEOPLE: Final = PLACES + 256
HOT: Final = 50
SHARES: Final = (0.0, 0.5, 0.9, 0.99, 1.0)


async def run(lab: Laboratory, rounds: int = 6, seconds: float = 0.6) -> Json:
    """Mix a few people who ask all the time with many who ask once in a while."""
    if lab.quick:
        rounds = 2
    people = await lab.people(PEOPLE)
    requests = [
        request("GET", "/whoami", {"Authorization": f"Bearer {person.token}"}) for person in people
    ]
    order = {share: _mixed(lab, share) for share in SHARES}
    hits = {share: found(indices) for share, indices in order.items()}
    slices: list[Json] = []
    async with lab.replica("none") as (control, open_port), lab.replica("rs256") as (real, port):
        assert control.pid is not None and real.pid is not None  # noqa: PT018, S101 - ready
        for pid in (control.pid, real.pid):
            pin(pid, SERVER_CORE)
        for number in range(rounds):
            lab.advance(f"round {number + 1} of {rounds}")
            measured = await demand.measure(control.pid, [], open_port, requests, seconds)
            slices.append({"round": number, "share": None, **measured.as_json()})
            for share in lab.chance.sample(SHARES, len(SHARES)):
                mixed = cycle([requests[index] for index in order[share]])
                await demand.measure(real.pid, [], port, mixed, seconds)  # as the cache will be
                measured = await demand.measure(real.pid, [], port, mixed, seconds)
                slices.append({"round": number, "share": hits[share], **measured.as_json()})
    return {"slices": slices, "places": PLACES, "people": PEOPLE}


def _mixed(lab: Laboratory, share: float) -> list[int]:
    """Return whose request comes when: `share` of them are of the `HOT` first people."""
    if share == 1.0:
        return list(range(HOT))
    cold = iter(range(HOT, PEOPLE))
    length = int((PEOPLE - HOT) / (1 - share)) if share < 0.99 else 20_000
    chosen: list[int] = []
    for _ in range(length):
        if lab.chance.random() < share:
            chosen.append(lab.chance.randrange(HOT))
        else:
            index = next(cold, None)
            if index is None:
                cold = iter(range(HOT, PEOPLE))
                index = next(cold)
            chosen.append(index)
    return chosen


def found(indices: Sequence[int], places: int = PLACES) -> float:
    """Return the share that a cache finds in the second pass, where the oldest makes room."""
    remembered: dict[int, None] = {}
    hits = 0
    for _ in range(2):
        hits = 0
        for index in indices:
            if index in remembered:
                hits += 1
                continue
            if len(remembered) >= places:
                del remembered[next(iter(remembered))]
            remembered[index] = None
    return round(hits / len(indices), 4)


EXPERIMENT: Final = Experiment(
    id="P8",
    title="The cache of verified tokens",
    run=run,
    seconds=60,
    quick_seconds=40,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
    alone=True,
)
