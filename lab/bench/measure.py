"""CPU time, pinning, and the ratio of two things that were measured in turn."""

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# The first core that we may use is for what is measured, the last one for the load.
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SERVER_CORE = _CORES[0]
LOAD_CORE = _CORES[-1]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure: the median over the rounds, and how far the rounds lay apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, rounds: list[float]) -> "Ratio":
        """Summarise the ratios of the rounds."""
        return cls(statistics.median(rounds), min(rounds), max(rounds))


def cpu_seconds(pid: int) -> float:
    """CPU time of a whole process, all threads, user and system, to the nanosecond.

    Linux gives every process a CPU clock whose id is made from its pid (see
    clock_getcpuclockid(3)); /proc would count in steps of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)


def pin(pid: int, core: int) -> None:
    """Keep a process, all its threads, on one core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep the calling thread on one core for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
