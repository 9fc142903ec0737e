"""The arithmetic of the report: intervals, quantiles, slopes, and the paper model of scaling.

Everything is a pure function of its arguments: the same results give the same numbers.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

RESAMPLES: Final = 2000
_SEED: Final = 20_260_101


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the 95 % bootstrap interval around it."""

    value: float
    low: float
    high: float


def interval(
    values: Sequence[float], of: Callable[[Sequence[float]], float] = statistics.median
) -> Interval:
    """Return a statistic of the rounds, and its percentile bootstrap interval (95 %).

    Rounds are resampled, not requests: requests of one round are not independent.
    """
    chance = random.Random(_SEED)  # noqa: S311 - no secret; always the same numbers
    drawn = sorted(of(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return Interval(of(values), quantile(drawn, 0.025), quantile(drawn, 0.975))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of the ordered values do not exceed (nearest rank)."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope of y over x."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def knee(app: float, store: float, *, store_capacity: float, replica_capacity: float) -> float:
    """Return the number of replicas from which the store, not they, is the limit.

    By service demands: N* = (c_store / D_store) / (c_replica / D_app); demands in seconds of
    CPU per request, capacities in cores.
    """
    return inf if store <= 0 else (store_capacity / store) / (replica_capacity / app)


def throughput(
    replicas: int, app: float, store: float, *, store_capacity: float, replica_capacity: float
) -> float:
    """Return the most requests per second that the model allows (the asymptotic bound)."""
    by_replicas = replicas * replica_capacity / app
    return by_replicas if store <= 0 else min(by_replicas, store_capacity / store)


def measured_knee(points: Sequence[tuple[int, float]]) -> float:
    """Return the knee of a measured X(N): the plateau over the slope of a single replica.

    `inf` if the last doubling still brought more than half of what it should.
    """
    ordered = sorted(points)
    (first_n, first_x), (last_n, last_x) = ordered[0], ordered[-1]
    per_replica = first_x / first_n
    half = max((n, x) for n, x in ordered if n <= last_n / 2)
    if last_x - half[1] > 0.5 * per_replica * (last_n - half[0]):
        return inf
    return max(x for _, x in ordered) / per_replica
