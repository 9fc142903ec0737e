"""What a request costs: CPU time of the replica and of the store, from the kernel's accounting."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from lab.bench.client import saturate
from lab.bench.measure import cpu_seconds

LOAD_LIMIT: Final = 0.7  # share of a core: above it, the load generator shapes what it measures
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Slice:
    """One measured slice; `load` is the load generator's share of a core."""

    requests: int
    seconds: float
    app_us: float
    store_us: float
    load: float
    thrown_away: int

    def as_json(self) -> dict[str, Any]:
        """Return it for the results."""
        return asdict(self)


async def measure(
    replica: int,
    store: Sequence[int],
    port: int,
    requests: list[bytes] | Iterator[bytes],
    seconds: float,
) -> Slice:
    """Keep a replica busy for so long; `replica` and `store` are process ids.

    A slice in which the load generator took more than `LOAD_LIMIT` of a core is thrown away
    and measured again; after three of them the last one stands, and its `load` shows it.
    """
    for thrown_away in range(_TRIES):
        measured = await _slice(replica, store, port, requests, seconds, thrown_away)
        if measured.load <= LOAD_LIMIT:
            break
    return measured


async def _slice(
    replica: int,
    store: Sequence[int],
    port: int,
    requests: list[bytes] | Iterator[bytes],
    seconds: float,
    thrown_away: int,
) -> Slice:
    app, asked, own = cpu_seconds(replica), _cpu(store), time.process_time()
    began = asyncio.get_running_loop().time()
    answered = await saturate(port, requests, seconds)
    took = asyncio.get_running_loop().time() - began
    return Slice(
        requests=answered,
        seconds=took,
        app_us=(cpu_seconds(replica) - app) / answered * 1e6,
        store_us=(_cpu(store) - asked) / answered * 1e6,
        load=(time.process_time() - own) / took,
        thrown_away=thrown_away,
    )


def _cpu(pids: Sequence[int]) -> float:
    return sum(cpu_seconds(pid) for pid in pids)
