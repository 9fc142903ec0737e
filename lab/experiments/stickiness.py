"""C11: is sticky load balancing good enough? Deploys, new replicas, and users who differ.

The same users, with sessions in memory behind cookie affinity and with tokens behind round robin.
"""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import Final

from lab.experiments import Experiment, Json
from lab.fleet import Fleet, Visitor
from lab.laboratory import Laboratory

SCHEMES: Final = ("sticky", "rs256+status")
FEW: Final = 2
MANY: Final = 4
PEOPLE: Final = 24
REQUESTS: Final = 600
SKEW: Final = 1.2  # the n-th busiest user sends n^-SKEW as much as the first


async def run(lab: Laboratory, people: int = PEOPLE, requests: int = REQUESTS) -> Json:
    """Return how load spreads, what new replicas take over, and whom a deploy logs out."""
    if lab.quick:
        people, requests = 12, 300
    found = await asyncio.gather(*(_suffer(lab, name, people, requests) for name in SCHEMES))
    outcomes = dict(zip(SCHEMES, found, strict=True))
    return {"outcomes": outcomes, "people": people, "few": FEW, "many": MANY, "skew": SKEW}


async def _suffer(lab: Laboratory, name: str, people: int, requests: int) -> Json:
    async with lab.fleet(name, (FEW, MANY)) as fleet:
        lab.advance(f"{name}: {people} people log in at {FEW} replicas")
        early = [await lab.visitor(fleet, FEW) for _ in range(people)]
        lab.advance(f"{name}: the same people, {MANY} replicas")
        grown = await _load(lab, early, requests)
        late = [await lab.visitor(fleet, MANY) for _ in range(people)]
        spread = await _load(lab, late, requests)
        lab.advance(f"{name}: a rolling restart")
        return {
            "after_growth": _by_replica(fleet, grown),
            "spread": _by_replica(fleet, spread),
            "logged_out": await _deploy(lab, fleet, late),
        }


async def _load(lab: Laboratory, visitors: list[Visitor], requests: int) -> Counter[str]:
    """Send requests of people who ask unequally often; return which replica answered how many."""
    weights = [(n + 1) ** -SKEW for n in range(len(visitors))]
    answered: Counter[str] = Counter()
    for visitor in lab.chance.choices(visitors, weights, k=requests):
        answer = await lab.client.send(visitor.request(MANY))
        if answer.status == HTTPStatus.OK:
            answered[answer.header("x-replica") or ""] += 1
    return answered


def _by_replica(fleet: Fleet, answered: Counter[str]) -> list[int]:
    return [answered[replica.name] for replica in fleet.replicas]


async def _deploy(lab: Laboratory, fleet: Fleet, visitors: list[Visitor]) -> list[int]:
    """Restart one replica after the other; return how many people are logged out after each."""
    counts = []
    for replica in fleet.replicas:
        await replica.stop()
        await replica.start()
        await replica.wait_until_ready()
        await asyncio.sleep(2.5)  # until the load balancer has noticed
        answers = [await lab.client.send(visitor.request(MANY)) for visitor in visitors]
        counts.append(sum(answer.status != HTTPStatus.OK for answer in answers))
    return counts


EXPERIMENT: Final = Experiment(
    id="C11",
    title="Sticky load balancing: growth, skew and deploys",
    run=run,
    seconds=30,
    quick_seconds=35,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
)
