"""Raw results read as what the report speaks of: figures by scheme, each with its interval."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lab.analysis import Interval, interval, quantile, slope

Json = dict[str, Any]


def refused_shares(data: Json) -> dict[str, dict[int, Interval]]:
    """Return the share of 401 by scheme and replicas (E0)."""
    rounds: dict[tuple[str, int], list[float]] = defaultdict(list)
    for volley in data["volleys"]:
        share = volley["refused"] / volley["requests"]
        rounds[volley["scheme"], volley["replicas"]].append(share)
    shares: dict[str, dict[int, Interval]] = defaultdict(dict)
    for (scheme, replicas), values in sorted(rounds.items()):
        shares[scheme][replicas] = interval(values)
    return shares


def costs(data: Json, what: str) -> dict[str, Interval]:
    """Return `app_us` or `store_us` by subject (P1)."""
    rounds: dict[str, list[float]] = defaultdict(list)
    for piece in data["slices"]:
        rounds[str(piece["subject"])].append(piece[what])
    return {subject: interval(values) for subject, values in rounds.items()}


def over_control(data: Json) -> dict[str, Interval]:
    """Return what each subject costs the app more than the control of the same round (P1)."""
    control = {p["round"]: p["app_us"] for p in data["slices"] if p["subject"] == "none"}
    rounds: dict[str, list[float]] = defaultdict(list)
    for piece in data["slices"]:
        rounds[piece["subject"]].append(piece["app_us"] - control[piece["round"]])
    return {subject: interval(values) for subject, values in rounds.items() if subject != "none"}


def round_trips(data: Json) -> dict[str, float]:
    """Return round trips to the store per request, by scheme (P1)."""
    return {row["scheme"]: row["round_trips"] / row["requests"] for row in data["round_trips"]}


def latencies(data: Json, share: float) -> dict[str, list[tuple[float, float]]]:
    """Return points of added round trip and that quantile of latency, in ms, by scheme (P3)."""
    pooled: dict[tuple[str, float], list[float]] = defaultdict(list)
    real: dict[float, list[float]] = defaultdict(list)
    for point in data["points"]:
        pooled[point["scheme"], point["added_ms"]] += point["latency_ms"]
        real[point["added_ms"]].append(point["measured_ms"])
    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (scheme, added), values in sorted(pooled.items()):
        middle = interval(real[added]).value
        curves[scheme].append((middle, quantile(sorted(values), share)))
    return curves


def slopes(data: Json) -> dict[str, Interval]:
    """Return ms of median latency per ms of round trip, by scheme; a slope for each round (P3)."""
    points: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for point in data["points"]:
        median = quantile(point["latency_ms"], 0.5)
        points[point["scheme"], point["round"]].append((point["measured_ms"], median))
    rounds: dict[str, list[float]] = defaultdict(list)
    for (scheme, _), pairs in sorted(points.items()):
        rounds[scheme].append(slope(pairs))
    return {scheme: interval(values) for scheme, values in rounds.items()}


def throughputs(data: Json) -> dict[str, list[tuple[int, float]]]:
    """Return points of replicas and the median requests per second, by subject (P2)."""
    rounds: dict[tuple[str, int], list[float]] = defaultdict(list)
    for point in data["points"]:
        rounds[point["subject"], point["replicas"]].append(point["x"])
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (subject, replicas), values in sorted(rounds.items()):
        curves[subject].append((replicas, interval(values).value))
    return curves


def cell(data: Json, fault: str, scheme: str, front: str = "retrying") -> Json | None:
    """Return one cell of the fault matrix (F)."""
    for one in data["cells"]:
        if (one["fault"], one["scheme"], one["front"]) == (fault, scheme, front):
            found: Json = one
            return found
    return None


def losses(data: Json, one: Json) -> Json:
    """Sum a cell up: shares lost before and from the fault on, by kind, and when it was over."""
    first = round(data["begin"] / data["slice"])
    before, after = _sum(one["slices"][:first]), _sum(one["slices"][first:])
    bad = [
        number
        for number, piece in enumerate(one["slices"])
        if number >= first and set(piece["counts"]) - {"200"}
    ]
    return {
        "before": _shares(before),
        "after": _shares(after),
        "over_after": (max(bad) + 1) * data["slice"] - data["begin"] if bad else 0.0,
        "logged_out": one["logged_out"] / one["people"],
    }


def wrongly_accepted(data: Json, one: Json) -> tuple[float, float]:
    """Return the share of 200 once everybody was logged out, and for how many seconds (F10)."""
    first = int(one["mended"] / data["slice"]) + 1
    let_in = [
        number
        for number, piece in enumerate(one["slices"])
        if number >= first and "200" in piece["counts"]
    ]
    after = _sum(one["slices"][first:])
    until = (max(let_in) + 1) * data["slice"] - one["mended"] if let_in else 0.0
    return _shares(after).get("200", 0.0), until


def _sum(slices: Iterable[Json]) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for piece in slices:
        for kind, count in piece["counts"].items():
            total[kind] += count
    return total


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values()) or 1
    return {kind: count / total for kind, count in counts.items()}
