"""E0: sessions in the memory of each process break at two replicas; what is shared does not."""

from typing import Any, Final

from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory
from lab.load import fire
from lab.volley import Volley

SCHEMES: Final = (
    "none",
    "memory",
    "sticky",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
REQUESTS: Final = 40
RATE: Final = 400.0  # per second


async def run(
    lab: Laboratory,
    names: tuple[str, ...] = SCHEMES,
    sizes: tuple[int, ...] = (1, 2, 4, 8),
    rounds: int = 6,
) -> Json:
    """Log in once and send `REQUESTS` through a round-robin front, for each N, in each round."""
    if lab.quick:
        sizes, rounds = sizes[:3], min(rounds, 2)
    volleys: list[Json] = []
    for name in lab.shuffled(names):
        lab.advance(f"{name}: {max(sizes)} replicas")
        async with lab.fleet(name, sizes) as fleet:
            for number in range(rounds):
                for size in lab.chance.sample(sizes, len(sizes)):
                    visitor = await lab.visitor(fleet, size)
                    shots = await fire(lab.client, visitor.request(size), rate=RATE, count=REQUESTS)
                    volleys.append(_row(number, Volley(name, size, expected(name, size), shots)))
    return {"volleys": volleys, "rate": RATE}


def expected(name: str, replicas: int) -> float:
    """Return the share of 401 that theory gives."""
    return 1 - 1 / replicas if name == "memory" else 0.0


def _row(number: int, volley: Volley) -> dict[str, Any]:
    statuses = volley.statuses
    return {
        "round": number,
        "scheme": volley.scheme,
        "replicas": volley.replicas,
        "requests": len(volley.shots),
        "ok": statuses[200],
        "refused": statuses[401],
        "other": len(volley.shots) - statuses[200] - statuses[401],
        "answered": list(volley.answered.values()),
    }


EXPERIMENT: Final = Experiment(
    id="E0",
    title="Per-process sessions break at N ≥ 2",
    run=run,
    seconds=80,
    quick_seconds=35,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": "3600"},
)
