"""The claims for tokens: a function each, from the results of one experiment."""

import statistics
from typing import Any

from lab.analysis import interval, measured_knee
from lab.report import measured
from lab.report.finding import Finding
from lab.report.texts import micro, percent, percent_interval

Json = dict[str, Any]


def e0(data: Json) -> Finding:
    """Sessions in memory, by replicas."""
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


def p1(data: Json) -> Finding:
    """Round trips to the store."""
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


def p1_store(data: Json) -> Finding:
    """What the store does for one."""
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


def p2(data: Json) -> Finding:
    """Knees, predicted and measured."""
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


def p3(data: Json) -> Finding:
    """Slopes of latency over distance."""
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


def p4(data: Json) -> Finding:
    """The issuer is dead."""
    parts, agrees = [], True
    for name in ("rs256", "rs256+status", "hs256", "redis", "postgres", "opaque"):
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


def p5(data: Json) -> Finding:
    """What a replica's configuration is good for."""
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


def p7(data: Json) -> Finding:
    """Until a new replica's first 200."""
    first: dict[str, list[float]] = {}
    fetches = []
    for row in data["starts"]:
        if row["first_200"] is not None:
            first.setdefault(row["scheme"], []).append(row["first_200"])
        if row["scheme"] == "rs256":
            fetches.append(row["fetches"])
    control = statistics.median(first["none"])
    parts = ", ".join(
        f"`{name}` {statistics.median(values) - control:+.2f} s".replace("-0.00", "+0.00")
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


def p8(data: Json) -> Finding:
    """What remembering tokens saves."""
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
