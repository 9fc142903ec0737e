"""P2: throughput against replicas, on N small machines made by CPU quotas.

The knee is predicted first, from the demands that one replica shows, and measured then. Where
the machine lets nobody set quotas, only the prediction is returned, marked as such.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lab import analysis, demand, schemes
from lab.bench.client import request, saturate
from lab.experiments import Experiment, Json
from lab.fleet import Fleet
from lab.laboratory import Laboratory
from lab.quota import Quotas

REPLICA: Final = 0.05  # cores
PEOPLE: Final = 2048


@dataclass(frozen=True)
class Subject:
    """A scheme, and the size of the machine that its store is on, in cores."""

    name: str
    scheme: str
    store: float = REPLICA
    variables: dict[str, str] = field(default_factory=dict)


SUBJECTS: Final = (
    Subject("none", "none"),
    Subject("rs256", "rs256"),
    Subject("postgres, touched each time", "postgres", 0.05, {"LAB_TOUCH_EVERY": "0"}),
    Subject("postgres", "postgres", 0.025),
    Subject("redis", "redis", 0.01),
)


async def run(
    lab: Laboratory,
    subjects: Sequence[Subject] = SUBJECTS,
    sizes: Sequence[int] = (1, 2, 3, 4, 6, 8),
    rounds: int = 2,
    seconds: float = 1.1,
) -> Json:
    """Measure X(N) for each subject, in an order of chance."""
    if lab.quick:
        subjects, sizes, rounds, seconds = subjects[1:3], (1, 2, 4), 1, 1.0
    people = await lab.people(PEOPLE)
    predictions: list[Json] = []
    points: list[Json] = []
    for subject in lab.chance.sample(list(subjects), len(subjects)):
        lab.advance(f"{subject.name}: {max(sizes)} replicas")
        scheme = schemes.find(subject.scheme)
        credentials = await lab.seed(scheme, people)
        requests = [request("GET", "/whoami", dict(c)) for c in credentials]
        async with lab.fleet(subject.scheme, (max(sizes),), variables=subject.variables) as fleet:
            predictions.append(await _predict(lab, subject, fleet, requests))
            if not Quotas.available():
                continue
            for port in fleet.ports:  # connections opened while that costs nobody anything
                await saturate(port, requests, 0.2)
            with Quotas() as quotas:
                _limit(lab, quotas, subject, fleet)
                for number in range(rounds):
                    for size in lab.chance.sample(list(sizes), len(sizes)):
                        lab.advance(f"{subject.name}: {size} replicas under load")
                        point = await _measure(fleet.ports[:size], requests, seconds)
                        points.append(
                            {"round": number, "subject": subject.name, "replicas": size, **point}
                        )
    return {
        "one_process": await _one_process(lab, rounds, seconds),
        "predictions": predictions,
        "points": points,
        "replica_cores": REPLICA,
        "model_only": not Quotas.available(),
    }


async def _one_process(lab: Laboratory, rounds: int, seconds: float) -> list[float]:
    """Return the requests per second of one such machine with its sessions in memory (C13)."""
    if not Quotas.available():
        return []
    credentials = await lab.seed(schemes.find("memory"), await lab.people(PEOPLE))
    requests = [request("GET", "/whoami", dict(c)) for c in credentials]
    async with lab.replica("memory") as (process, port):
        assert process.pid is not None  # noqa: S101 - it is ready
        await saturate(port, requests, 0.4)
        with Quotas() as quotas:
            quotas.limit("one-process", REPLICA, [process.pid])
            measured = [await _measure([port], requests, seconds) for _ in range(max(rounds, 2))]
    return [point["x"] for point in measured]


async def _predict(
    lab: Laboratory, subject: Subject, fleet: Fleet, requests: list[bytes]
) -> dict[str, Any]:
    """Say where the knee will be, from one replica without a quota."""
    replica = fleet.replicas[0].pid
    assert replica is not None  # noqa: S101 - it is ready
    store = lab.stores.pids(fleet.scheme)
    await demand.measure(replica, store, fleet.ports[0], requests, 0.5)
    store = lab.stores.pids(fleet.scheme)  # with the connections that are open by now
    measured = await demand.measure(replica, store, fleet.ports[0], requests, 2.0)
    knee = analysis.knee(
        measured.app_us,
        measured.store_us,
        store_capacity=subject.store,
        replica_capacity=REPLICA,
    )
    return {
        "subject": subject.name,
        "store_cores": subject.store,
        "app_us": measured.app_us,
        "store_us": measured.store_us,
        "knee": None if measured.store_us == 0 else knee,
    }


def _limit(lab: Laboratory, quotas: Quotas, subject: Subject, fleet: Fleet) -> None:
    for replica in fleet.replicas:
        assert replica.pid is not None  # noqa: S101 - it is ready
        quotas.limit(replica.name, REPLICA, [replica.pid])
    store = lab.stores.pids(fleet.scheme)
    if store:
        quotas.limit("store", subject.store, store)


async def _measure(ports: Sequence[int], requests: list[bytes], seconds: float) -> dict[str, float]:
    """Keep all of these replicas busy; return requests per second and the load's own CPU."""
    own, began = time.process_time(), time.monotonic()
    answered = await asyncio.gather(*(saturate(port, requests, seconds) for port in ports))
    took = time.monotonic() - began
    return {"x": sum(answered) / took, "load": (time.process_time() - own) / took}


EXPERIMENT: Final = Experiment(
    id="P2",
    title="Throughput against replicas, and the predicted knee",
    run=run,
    seconds=110,
    quick_seconds=60,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
)
