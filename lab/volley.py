"""One volley of requests and what is said about it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from lab.load import Shot


@dataclass(frozen=True)
class Volley:
    """Requests fired at one scheme with so many replicas.

    `expected` is the share of 401 that theory gives.
    """

    scheme: str
    replicas: int
    expected: float
    shots: Sequence[Shot]

    @property
    def refused(self) -> float:
        """The share of 401 that was measured."""
        return self.statuses[HTTPStatus.UNAUTHORIZED] / len(self.shots)

    @property
    def statuses(self) -> Counter[int]:
        """How many answers there were of each status; 0 stands for none."""
        return Counter(shot.status for shot in self.shots)

    @property
    def answered(self) -> dict[str, int]:
        """How many requests each replica answered, by its name in X-Replica."""
        return dict(sorted(Counter(shot.replica for shot in self.shots).items()))
