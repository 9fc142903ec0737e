"""`sticky`: a session in memory, and a load balancer that sends a client back to its replica.

The replica is `memory`'s. The load balancer adds a cookie of its own, which says where to.
"""

from dataclasses import replace
from typing import Final

from lab.schemes import memory

SCHEME: Final = replace(
    memory.SCHEME,
    name="sticky",
    title="session in memory, sticky load balancing",
    policy="cookie",
)
