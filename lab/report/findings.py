"""Each claim of the lab against what was measured: a number, its interval, a verdict."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.report import claims_against_cost, claims_against_security, claims_for
from lab.report.finding import Finding

Json = dict[str, Any]
Results = Mapping[str, Json]


def findings(results: Results) -> list[Finding]:
    """Return a finding for each claim whose experiment has been run."""
    made = (make(results[of]["data"]) for of, make in _CLAIMS if of in results)
    return [finding for finding in made if finding is not None]


_CLAIMS: Final[tuple[tuple[str, Callable[[Json], Finding | None]], ...]] = (
    ("E0", claims_for.e0),
    ("P1", claims_for.p1),
    ("P1", claims_for.p1_store),
    ("P2", claims_for.p2),
    ("P3", claims_for.p3),
    ("F", claims_for.p4),
    ("P5", claims_for.p5),
    ("P7", claims_for.p7),
    ("P8", claims_for.p8),
    ("C1", claims_against_security.c1),
    ("C2", claims_against_security.c2),
    ("C1", claims_against_security.c6),
    ("C3", claims_against_cost.c3),
    ("C4", claims_against_cost.c4),
    ("P1", claims_against_cost.c5),
    ("C8", claims_against_security.c8),
    ("C9", claims_against_security.c9),
    ("C10", claims_against_cost.c10),
    ("F", claims_against_cost.c11),
    ("C11", claims_against_cost.c11_growth),
    ("P1", claims_against_cost.c13),
    ("P2", claims_against_cost.c13_throughput),
)
