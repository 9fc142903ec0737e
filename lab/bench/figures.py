"""The figures of `make bench`: what each is, what it must reach, and how it is shown and kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from lab.bench.measure import Ratio
from lab.bench.revocation import Lag
from lab.bench.status_lists import Octets
from resource_service.status_list import POLL

MAXIMUM_CHECK: Final = 1.0  # microseconds of CPU


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio with its bound; `at_most` tells on which side of the bound it is good."""

    name: str
    title: str
    bound: float
    at_most: bool
    compare: str

    def reached_by(self, value: float) -> bool:
        """Tell whether the value is on the good side."""
        return value <= self.bound if self.at_most else value >= self.bound


# What the comparisons are, and on what machine they were taken: docs/performance.md.
FIGURES: Final = (
    Figure(
        "verify_ratio",
        "verify, new token ÷ raw RSA verify",
        1.35,
        at_most=True,
        compare="by hand 1.33, python-jose 2.23",
    ),
    Figure(
        "verify_cached_ratio",
        "verify, token seen before ÷ the same",
        0.07,
        at_most=True,
        compare="fast-jwt's cache 0.13",
    ),
    Figure(
        "route_ratio_new",
        "/whoami ÷ open twin, new tokens",
        0.65,
        at_most=False,
        compare="python-jose in Depends 0.51",
    ),
    Figure(
        "route_ratio_repeated",
        "/whoami ÷ open twin, repeated tokens",
        0.93,
        at_most=False,
        compare="",
    ),
    Figure(
        "issue_ratio",
        "tokens issued ÷ raw RSA signatures",
        0.44,
        at_most=False,
        compare="oidc-provider 0.43",
    ),
    Figure(
        "login_ratio",
        "password log-in ÷ its Argon2id hash",
        1.15,
        at_most=True,
        compare="FastAPI, the same hash 1.19",
    ),
)


def show(console: Console, measured: dict[str, Ratio]) -> None:
    """Print a line per figure."""
    table = Table("figure", box=None, pad_edge=False, header_style="bold")
    for column in ("measured", "rounds", "must be"):
        table.add_column(column, justify="right")
    table.add_column("others")
    for figure in FIGURES:
        ratio = measured[figure.name]
        good = figure.reached_by(ratio.median)
        table.add_row(
            figure.title,
            f"[{'green' if good else 'red'}]{ratio.median:.3f}[/]",
            f"{ratio.least:.3f} to {ratio.most:.3f}",
            f"{'≤' if figure.at_most else '≥'} {figure.bound:g}",
            figure.compare,
        )
    console.print("Ratios measured in this run, median of the rounds.", table, sep="\n")


@dataclass(frozen=True, slots=True)
class Revocation:
    """What revocation is worth, and what it costs; `check` is in microseconds per request."""

    lag: Lag
    check: float
    octets: Octets

    @property
    def is_good(self) -> bool:
        """Whether every token was refused in time, and the check is as cheap as it must be."""
        return self.lag.most <= self.lag.bound and self.check < MAXIMUM_CHECK


def show_revocation(console: Console, revocation: Revocation) -> None:
    """Print how long revoked tokens passed, and the size of lists."""
    lag = revocation.lag
    console.print(
        f"\nFrom a revocation to the last 200, {lag.trials} trials on two replicas that poll every"
        f" {POLL:g} s:\n  median {lag.median:.2f} s, {_coloured(lag.most, lag.bound)} s at most"
        f" (must be ≤ {lag.bound:g}), {lag.least:.2f} s at least",
        f"The check costs a request {_coloured(revocation.check, MAXIMUM_CHECK)} µs (must be"
        f" < {MAXIMUM_CHECK:g}). Octets of a status list:",
        sep="\n",
        highlight=False,
    )
    table = Table("entries", box=None, pad_edge=False, header_style="bold")
    for share in next(iter(revocation.octets.values())):
        table.add_column(f"{share} revoked", justify="right")
    for size, octets in revocation.octets.items():
        table.add_row(f"{int(size):,}", *(f"{number:,}" for number in octets.values()))
    console.print(table)


def _coloured(value: float, bound: float) -> str:
    return f"[{'green' if value <= bound else 'red'}]{value:.2f}[/]"


def keep(file: Path, measured: dict[str, Ratio], revocation: Revocation) -> None:
    """Write the medians as JSON, with what was found of revocation."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    kept: dict[str, object] = {name: round(ratio.median, 4) for name, ratio in measured.items()}
    kept |= {
        "revocation_lag_median_seconds": round(revocation.lag.median, 3),
        "revocation_lag_max_seconds": round(revocation.lag.most, 3),
        "status_check_microseconds": round(revocation.check, 3),
        "status_list_bytes": revocation.octets,
    }
    file.write_text(json.dumps(kept, indent=2) + "\n")
