"""The figures, each from one experiment's results."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.report import drawing, measured
from lab.report.blocks import Figure
from lab.report.drawing import Axis

Json = dict[str, Any]
_TIMELINES: Final = ("F1", "F3", "F4", "F7", "F10")


def figures(results: Mapping[str, Json]) -> dict[str, list[Figure]]:
    """Return the figures of each experiment that was run."""
    return {name: make(results[name]["data"]) for name, make in _MAKERS.items() if name in results}


def _e0(data: Json) -> list[Figure]:
    shares = measured.refused_shares(data)
    curves = {"theory: 1 - 1/N": [(float(n), (1 - 1 / n) * 100) for n in shares["memory"]]}
    for name, by in shares.items():
        curves[name] = [(float(n), value.value * 100) for n, value in by.items()]
    svg = drawing.lines(
        curves, Axis("replicas behind a round-robin load balancer"), Axis("401, %", high=100)
    )
    caption = "Share of requests answered 401 after one log-in. All but `memory` lie on zero."
    return [Figure("refused-against-replicas", caption, svg)]


def _p1(data: Json) -> list[Figure]:
    app, store = measured.costs(data, "app_us"), measured.costs(data, "store_us")
    control = app["none"].value
    rows = {
        name: [
            ("the app itself", control),
            ("authentication", max(0.0, app[name].value - control)),
            ("the store", store[name].value),
        ]
        for name in sorted(app, key=lambda name: app[name].value + store[name].value)
        if name != "basic"
    }
    caption = (
        "CPU time per request. `basic` is left out: a password hash per request takes "
        f"{app['basic'].value / 1e3:.0f} ms."
        if "basic" in app
        else "CPU time per request."
    )
    return [Figure("cpu-per-request", caption, drawing.bars(rows, "µs"))]


def _p2(data: Json) -> list[Figure]:
    curves = measured.throughputs(data)
    if not curves:
        return []
    knees = {row["subject"]: row["knee"] for row in data["predictions"] if row["knee"] is not None}
    svg = drawing.lines(
        {name: [(float(n), x) for n, x in points] for name, points in curves.items()},
        Axis(f"replicas, each with {data['replica_cores'] * 100:g} % of a core", low=0),
        Axis("requests per second"),
        marks=knees,
    )
    caption = "Throughput against replicas. Dotted upright: the knee as predicted beforehand."
    return [Figure("throughput-against-replicas", caption, svg)]


def _p3(data: Json) -> list[Figure]:
    svg = drawing.lines(
        measured.latencies(data, 0.5),
        Axis("round trip to the store, ms"),
        Axis("median latency, ms"),
    )
    return [Figure("latency-against-distance", "Median latency against the distance.", svg)]


def _p5(data: Json) -> list[Figure]:
    schemes = sorted({row["scheme"] for row in data["attempts"]})
    rows = {}
    for name in schemes:
        accepted = [row["accepted"] for row in data["attempts"] if row["scheme"] == name]
        rows[name] = [
            ("refused", float(len(accepted) - sum(accepted))),
            ("let in as anybody", float(sum(accepted))),
        ]
    caption = "Forgeries with what one replica is told: the blast radius of a leaked configuration."
    return [Figure("blast-radius", caption, drawing.bars(rows, "tried"))]


def _c1(data: Json) -> list[Figure]:
    curves = {}
    named = {**data["lags"], **{f"rs256, {k} s": v for k, v in data["turned"].items()}}
    for name, lags in named.items():
        ordered = sorted(max(0.01, lag) for lag in lags)
        points = [(0.01, 0.0)]
        points += [(lag, (n + 1) / len(ordered) * 100) for n, lag in enumerate(ordered)]
        curves[name] = [*points, (1000.0, 100.0)]
    svg = drawing.lines(
        curves,
        Axis("seconds from the log-out to the last 200", log=True, low=0.01, high=1000),
        Axis("of the trials, %", high=100),
        steps=True,
    )
    caption = "How long somebody is still let in after a log-out; 10 ms stands for at once."
    return [Figure("revocation", caption, svg)]


def _c3(data: Json) -> list[Figure]:
    passed = [(r["roles"] + 0.0, r["octets"] + 0.0) for r in data["roles"] if r["balanced"] == 200]
    most = passed[-1][0]
    svg = drawing.lines(
        {
            "rs256 with roles": passed,
            "session cookie": [(0.0, data["credentials"]["redis"]), (most, 61.0)],
        },
        Axis("roles in the token"),
        Axis("bytes of the header"),
    )
    return [Figure("size-against-roles", "What a credential adds to each request.", svg)]


def _c4(data: Json) -> list[Figure]:
    each = data["transactions_per_refresh"]
    points = [
        (row["requests_per_lifetime"], each * row["refreshes"] / row["requests"])
        for row in data["users"]
    ]
    ends = (points[0][0], points[-1][0])
    svg = drawing.lines(
        {
            "token: refreshes": points,
            "theory: 1/(1 + λ·TTL)": [(x, each / (1 + x)) for x, _ in points],
            "session: look-ups": [(x, 1.0) for x in ends],
        },
        Axis("requests of a user per lifetime of a token (λ·TTL)", log=True, low=0.1, high=100),
        Axis("store operations per request", high=1.2),
    )
    return [Figure("refresh", "Store operations per request, refreshes counted.", svg)]


def _c10(data: Json) -> list[Figure]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in data["sizes"]:
        curves.setdefault(row["store"], []).append(
            (row["sessions"], row["octets"] / row["sessions"])
        )
    svg = drawing.lines(curves, Axis("sessions", log=True), Axis("bytes per session"))
    return [Figure("memory-per-session", "What one session takes.", svg)]


def _faults(data: Json) -> list[Figure]:
    drawn = []
    for fault in _TIMELINES:
        rows = {
            one["scheme"]: [piece["counts"] for piece in one["slices"]]
            for one in data["cells"]
            if one["fault"] == fault and one["front"] == "plain"
        }
        if rows:
            svg = drawing.strips(rows, data["slice"], data["begin"])
            caption = f"{fault}: answers over time, with no second try at the load balancer."
            if fault == "F10":
                caption += " From the line on people log out, and then 401 is right."
            drawn.append(Figure(f"fault-{fault.lower()}", caption, svg))
    return drawn


_MAKERS: Final[dict[str, Callable[[Json], list[Figure]]]] = {
    "E0": _e0,
    "P1": _p1,
    "P2": _p2,
    "P3": _p3,
    "P5": _p5,
    "F": _faults,
    "C1": _c1,
    "C3": _c3,
    "C4": _c4,
    "C10": _c10,
}
