"""Each claim of the lab against what was measured: a number, its interval, a verdict."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lab.analysis import interval, measured_knee, quantile
from lab.report import measured
from lab.report.texts import micro, octets, percent, percent_interval, seconds

Json = dict[str, Any]
Results = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was expected before anything was run, what came out, and whether they agree.

    `agrees`: the claim itself holds; `numbers`: so do the figures that went with it.
    """

    claim: str
    title: str
    experiment: str
    expected: str
    found: str
    agrees: bool
    numbers: bool = True

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if not self.agrees:
            return "otherwise"
        return "as expected" if self.numbers else "holds, with other numbers"


def findings(results: Results) -> list[Finding]:
    """Return a finding for each claim whose experiment has been run."""
    return [
        make(results[experiment]["data"]) for experiment, make in _CLAIMS if experiment in results
    ]


def _e0(data: Json) -> Finding:
    shares = measured.refused_shares(data)
    memory = shares["memory"]
    theory = {replicas: 1 - 1 / replicas for replicas in memory}
    others = max(
        value.high for name, by in shares.items() if name != "memory" for value in by.values()
    )
    line = ", ".join(f"N = {n}: {percent_interval(value)}" for n, value in memory.items())
    agrees = all(abs(memory[n].value - theory[n]) < 0.03 for n in memory) and others == 0
    return Finding(
        "E0",
        "Per-process sessions break at two replicas",
        "E0",
        "401 for " + ", ".join(percent(share) for share in theory.values()) + "; RS256 0",
        f"`memory` {line}; every other scheme at most {percent(others)}",
        agrees,
    )


def _p1(data: Json) -> Finding:
    store, trips = measured.costs(data, "store_us"), measured.round_trips(data)
    cold = store["rs256, new token"]
    return Finding(
        "P1",
        "A token needs no store operation per request",
        "P1",
        "round trips to the store: RS256 0, a session 1",
        f"`rs256` 0 (and {cold.value:.0f} µs of store), `redis` {trips['redis']:.2f},"
        f" `postgres` {trips['postgres']:.2f}",
        cold.value == 0 and all(abs(trips[name] - 1) < 0.05 for name in ("redis", "postgres")),
    )


def _p1_store(data: Json) -> Finding:
    store = measured.costs(data, "store_us")
    parts = ", ".join(
        f"`{name}` {micro(store[name])}"
        for name in ("redis", "postgres", "postgres, touched each time")
    )
    numbers = abs(store["redis"].value - 16) < 8 and abs(store["postgres"].value - 100) < 30
    order = store["redis"].value < store["postgres"].value
    return Finding(
        "P1",
        "What a look-up costs the store",
        "P1",
        "Redis ≈ 16 µs of CPU, PostgreSQL ≈ 100 µs, touched each time ≈ 170 µs",
        parts,
        order,
        numbers,
    )


def _c5(data: Json) -> Finding:
    more = measured.over_control(data)
    names = ("rs256, new token", "rs256, token seen before", "redis", "postgres")
    parts = ", ".join(f"`{name}` {micro(more[name])}" for name in names)
    tie = abs(more["redis"].value - more["rs256, new token"].value) < 15
    return Finding(
        "C5",
        "A look-up costs the app no more than a signature",
        "P1",
        "a tie in CPU of the app",
        f"CPU of the app over the control: {parts}",
        tie,
    )


def _c13(data: Json) -> Finding:
    app, store = measured.costs(data, "app_us"), measured.costs(data, "store_us")
    memory = app["memory"].value
    ratio = {
        name: (app[name].value + store[name].value) / memory
        for name in ("postgres", "redis", "rs256, new token")
    }
    parts = ", ".join(f"`{name}` {value:.2f}" for name, value in ratio.items())
    return Finding(
        "C13",
        "One process beats a badly distributed one",
        "P1",
        "about 2 machines to do what one in-memory process does",
        f"CPU per request, store included, over `memory`: {parts}. From two machines on every"
        " scheme passes it",
        1.5 <= max(ratio.values()) <= 2.5,
    )


def _p2(data: Json) -> Finding:
    curves = measured.throughputs(data)
    rows, hits = [], []
    for row in sorted(data["predictions"], key=lambda row: row["subject"]):
        name = row["subject"]
        real = measured_knee(curves[name]) if name in curves else None
        said = "none" if row["knee"] is None else f"{row['knee']:.1f}"
        if real is None:
            rows.append(f"`{name}` predicted {said} (model only)")
            continue
        largest = max(n for n, _ in curves[name])
        seen = "none" if real == float("inf") else f"{real:.1f}"
        rows.append(f"`{name}` predicted {said}, measured {seen}")
        if row["knee"] is None or row["knee"] > largest:
            hits.append(real == float("inf"))
        else:
            hits.append(real != float("inf") and abs(real / row["knee"] - 1) <= 0.35)
    score = f"{sum(hits)} of {len(hits)} predictions held (within 35 %)" if hits else "model only"
    return Finding(
        "P2",
        "A shared store caps the replicas",
        "P2",
        "RS256 linear; knees where predicted",
        f"{'; '.join(rows)}. {score}",
        bool(hits) and all(hits),
    )


def _p3(data: Json) -> Finding:
    slopes = measured.slopes(data)
    parts = ", ".join(
        f"`{name}` {value.value:.2f} ({value.low:.2f} to {value.high:.2f})"
        for name, value in slopes.items()
    )
    agrees = abs(slopes["rs256"].value) < 0.1 and all(
        abs(slopes[name].value - 1) < 0.15 for name in ("redis", "postgres")
    )
    return Finding(
        "P3",
        "A token does not care about distance",
        "P3",
        "ms of latency per ms of round trip: 0 for RS256, 1 for a store",
        parts.replace("-0.00", "0.00"),
        agrees,
    )


def _p4(data: Json) -> Finding:
    parts, agrees = [], True
    for name in ("rs256", "hs256", "redis", "postgres", "opaque"):
        one = measured.cell(data, "P4" if measured.cell(data, "P4", name) else "F3", name)
        if one is None:
            continue
        lost = 1 - measured.losses(data, one)["after"].get("200", 0)
        parts.append(f"`{name}` {percent(lost)}")
        agrees = agrees and (lost < 0.01) is (name != "opaque")
    return Finding(
        "P4",
        "The issuer may be dead",
        "F",
        "RS256 loses 0 % until `exp`, even where a replica starts anew meanwhile;"
        " introspection everything",
        "requests lost while the issuer is dead and a replica restarts: " + ", ".join(parts),
        agrees,
    )


def _p5(data: Json) -> Finding:
    fooled = sorted({row["scheme"] for row in data["attempts"] if row["accepted"]})
    safe = sorted({row["scheme"] for row in data["attempts"]} - set(fooled))
    hashed = [r for r in data["attempts"] if r["forgery"] == "sending a stored session's key"]
    held = all(not row["accepted"] for row in hashed)
    return Finding(
        "P5",
        "A smaller blast radius",
        "P5",
        "HS256 all; RS256 none; the Redis address: every live session",
        "anybody at all can be impersonated with the configuration of a replica of "
        + ", ".join(f"`{name}`" for name in fooled)
        + "; nobody with that of "
        + ", ".join(f"`{name}`" for name in safe)
        + ". A stored session cannot be taken over, since only a hash of its id is stored, but a"
        " new one can be written for anybody, which is worse than expected",
        "rs256" in safe and "hs256" in fooled and held and "redis" not in fooled,
    )


def _p7(data: Json) -> Finding:
    first: dict[str, list[float]] = {}
    fetches = []
    for row in data["starts"]:
        if row["first_200"] is not None:
            first.setdefault(row["scheme"], []).append(row["first_200"])
        if row["scheme"] == "rs256":
            fetches.append(row["fetches"])
    control = statistics.median(first["none"])
    parts = ", ".join(
        f"`{name}` {statistics.median(values) - control:+.2f} s"
        for name, values in sorted(first.items())
        if name != "none"
    )
    return Finding(
        "P7",
        "A new replica is useful at once",
        "P7",
        "one JWKS GET; `memory` never knows who was logged in before",
        f"time to the first 200 beside the control's {control:.2f} s: {parts}; `memory`"
        f" {'never' if 'memory' not in first else 'too'}; JWKS fetches per start:"
        f" {statistics.mean(fetches):.0f}",
        set(fetches) == {1} and "memory" not in first,
    )


def _p8(data: Json) -> Finding:
    control = {p["round"]: p["app_us"] for p in data["slices"] if p["share"] is None}
    rounds: dict[float, list[float]] = {}
    for piece in data["slices"]:
        if piece["share"] is not None:
            more = piece["app_us"] - control[piece["round"]]
            rounds.setdefault(piece["share"], []).append(more)
    values = {share: interval(found) for share, found in sorted(rounds.items())}
    parts = ", ".join(f"{percent(share)}: {micro(value)}" for share, value in values.items())
    least, most = values[min(values)].value, values[max(values)].value
    return Finding(
        "P8",
        "A cache of verified tokens buys most of the CPU back",
        "P8",
        "about +135 µs with no hit, +34 µs with hits only",
        f"CPU over the control by share of hits: {parts}",
        most < 0.5 * least,
        abs(least - 135) < 40,
    )


def _c1(data: Json) -> Finding:
    parts = []
    for name, lags in data["lags"].items():
        ordered = sorted(max(0.0, lag) for lag in lags)
        parts.append(f"`{name}` {seconds(quantile(ordered, 0.5))}, at most {seconds(ordered[-1])}")
    for life, lags in data["turned"].items():
        ordered = sorted(lags)
        parts.append(
            f"a token of {life} s {seconds(quantile(ordered, 0.5))}, at most"
            f" {seconds(ordered[-1])} (clock turned)"
        )
    sessions = [max(data["lags"][name]) for name in ("postgres", "redis")]
    return Finding(
        "C1",
        "Sessions end now, tokens at `exp`",
        "C1",
        "store: in-flight requests only; RS256: what is left of its life",
        "median and longest time to the last 200: "
        + "; ".join(parts)
        + f". The verifier's leeway of {data['leeway']} s comes on top of `exp`",
        max(sessions) < 0.1,
    )


def _c6(data: Json) -> Finding:
    stale = max(0.0, *data["stale_rights"]["redis"])
    tokens = [lag for lags in data["turned"].values() for lag in lags]
    return Finding(
        "C6",
        "Claims go stale",
        "C1",
        "session: the next request; token: up to its life",
        f"a scope taken out of a session in Redis was last shown {seconds(stale)} later, at most;"
        f" a token shows it as long as it is accepted (C1), here up to {seconds(max(tokens))}",
        stale < 0.1,
    )


def _c3(data: Json) -> Finding:
    own = data["credentials"]
    last = max((row for row in data["roles"] if row["balanced"] == 200), key=lambda r: r["roles"])
    first = min(
        (row for row in data["roles"] if row["balanced"] != 200), key=lambda row: row["roles"]
    )
    return Finding(
        "C3",
        "A token is bigger",
        "C3",
        "≈ 640 B against 43 B",
        f"header of a request: `rs256` {octets(own['rs256'])}, `hs256` {octets(own['hs256'])},"
        f" a session {octets(own['redis'])}; {last['roles']} roles ({octets(last['octets'])})"
        f" still pass, {first['roles']} ({octets(first['octets'])}) are refused",
        own["rs256"] > 5 * own["redis"],
        abs(own["rs256"] - 640) < 130,
    )


def _c4(data: Json) -> Finding:
    each = data["transactions_per_refresh"]
    per = {
        row["requests_per_lifetime"]: each * row["refreshes"] / row["requests"]
        for row in data["users"]
    }
    parts = ", ".join(f"λ·TTL = {rate:g}: {value:.2f}" for rate, value in per.items())
    return Finding(
        "C4",
        "Refreshing is hidden state",
        "C4",
        "1/(λ·TTL), and no less than about 1 for who asks less than once per lifetime",
        f"{each:.1f} transactions at the issuer per refresh; store operations per request {parts}."
        " A session has 1: the token wins above λ·TTL ≈ 1, and does not lose much below",
        per[max(per)] < 0.05,
    )


def _c9(data: Json) -> Finding:
    fetched = {(row["cooldown"], row["at_once"]): row["fetches"] for row in data["floods"]}
    forged = data["floods"][0]["forged"]
    return Finding(
        "C9",
        "The JWKS fetch is a surface for denial of service",
        "C9",
        "without a cooldown 1:1, with it one per cooldown",
        f"{forged} forged tokens, one after the other: {fetched['off', False]} fetches without,"
        f" {fetched['on', False]} with the cooldown of {data['cooldown_seconds']:.0f} s; all at"
        f" once: {fetched['off', True]} and {fetched['on', True]}",
        fetched["off", False] == forged and fetched["on", False] <= 1,
    )


def _c10(data: Json) -> Finding:
    most = max(row["sessions"] for row in data["sizes"])
    per = {
        row["store"]: row["octets"] / row["sessions"]
        for row in data["sizes"]
        if row["sessions"] == most
    }
    return Finding(
        "C10",
        "The memory of sessions is affordable",
        "C10",
        "≈ 340 B in Redis, flat",
        f"at {most:,} sessions with {data['claims_octets']} B of claims: "
        + ", ".join(f"`{name}` {octets(value)}" for name, value in sorted(per.items())),
        per["redis"] < 1000,
        abs(per["redis"] - 340) < 70,
    )


def _c11(data: Json) -> Finding:
    parts, lost = [], {}
    for fault, what in (("F1", "one replica of two killed"), ("F14", "a rolling restart")):
        for name in ("sticky", "rs256"):
            one = measured.cell(data, fault, name)
            if one is not None:
                lost[fault, name] = measured.losses(data, one)["logged_out"]
                parts.append(f"{what}: `{name}` {percent(lost[fault, name])}")
    return Finding(
        "C11",
        "Sticky load balancing is good enough",
        "F",
        "1/N of the users lost per restart",
        "users logged out: " + ", ".join(parts),
        abs(lost.get(("F1", "sticky"), 0) - 0.5) < 0.1 and lost.get(("F14", "sticky"), 1) == 1,
    )


_CLAIMS: Final[tuple[tuple[str, Callable[[Json], Finding]], ...]] = (
    ("E0", _e0),
    ("P1", _p1),
    ("P1", _p1_store),
    ("P2", _p2),
    ("P3", _p3),
    ("F", _p4),
    ("P5", _p5),
    ("P7", _p7),
    ("P8", _p8),
    ("C1", _c1),
    ("C1", _c6),
    ("C3", _c3),
    ("C4", _c4),
    ("P1", _c5),
    ("C9", _c9),
    ("C10", _c10),
    ("F", _c11),
    ("P1", _c13),
)
