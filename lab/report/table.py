"""The one table: schemes and what each costs, survives and loses; and the fault matrix."""

from collections.abc import Mapping
from typing import Any, Final

from lab import analysis
from lab.faults import FAULTS
from lab.report import measured
from lab.report.blocks import Cell, Table, Tone
from lab.report.predictions import Outcome, outcome, predicted
from lab.report.texts import micro, octets, percent, seconds, two_digits

Json = dict[str, Any]
Results = Mapping[str, Json]
SCHEMES: Final = (
    "none",
    "basic",
    "memory",
    "sticky",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
_MISSING: Final = "not measured"
_LEAK: Final = "F12"
_SUBJECTS: Final = {"rs256": "rs256, new token", "sticky": "memory"}


def the_table(results: Results) -> Table:
    """Return the table; what was not measured says so."""
    columns = [
        "scheme",
        "app CPU over none",
        "store CPU",
        "store round trips",
        "bytes",
        "p99 at 25/s",
        "ms per ms of distance",
        "knee, equal machines",
        "time to last 200",
        "issuer dies",
        "stores die",
        "leaked config is",
        "logged out per deploy",
    ]
    rows = [[f"`{name}`", *_row(results, name)] for name in SCHEMES]
    there = [row for row in rows if any(cell not in (_MISSING, "") for cell in row[1:])]
    return Table(columns, there)


def at_a_million(results: Results) -> Table | None:
    """Return cores and memory at 10⁶ requests per second and 10⁸ sessions, by the model."""
    if not {"P1", "C10"} <= results.keys():
        return None
    app = measured.costs(results["P1"]["data"], "app_us")
    store = measured.costs(results["P1"]["data"], "store_us")
    sizes = results["C10"]["data"]["sizes"]
    most = max(row["sessions"] for row in sizes)
    per = {r["store"]: r["octets"] / r["sessions"] for r in sizes if r["sessions"] == most}
    rows = []
    for subject in ("redis", "postgres", "postgres, touched each time", "rs256, new token"):
        each = per.get(subject.partition(",")[0], 0.0)
        rows.append(
            [
                f"`{subject}`",
                f"{app[subject].value:.0f}",
                f"{store[subject].value:.0f}",
                f"{each * 1e8 / 1e9:.0f} GB",
            ]
        )
    return Table(["scheme", "app cores", "store cores", "memory of the store"], rows)


def _row(results: Results, name: str) -> list[str | Cell]:
    return [
        *_costs(results, name),
        _size(results, name),
        *_distance(results, name),
        _knee(results, name),
        _lag(results, name),
        _survives(results, name, "F3"),
        _survives(results, name, "F4"),
        _leak(results, name),
        _deploy(results, name),
    ]


def _costs(results: Results, name: str) -> list[str]:
    if "P1" not in results:
        return [_MISSING] * 3
    data, subject = results["P1"]["data"], _SUBJECTS.get(name, name)
    over, store = measured.over_control(data), measured.costs(data, "store_us")
    trips = measured.round_trips(data).get(name, 0.0)
    if subject not in store:
        return [_MISSING] * 3
    app = "0" if name == "none" else micro(over[subject])
    return [app, micro(store[subject]) if store[subject].value else "0", f"{trips:.2g}"]


def _size(results: Results, name: str) -> str:
    if name == "none":
        return "0 B"
    known = results["C3"]["data"]["credentials"] if "C3" in results else {}
    name = name.partition("+")[0]  # the list adds nothing to a request
    return octets(known[name]) if name in known else _MISSING


def _distance(results: Results, name: str) -> list[str]:
    if "P3" not in results or name not in measured.slopes(results["P3"]["data"]):
        return [_MISSING] * 2
    data = results["P3"]["data"]
    tail = measured.latencies(data, 0.99)[name][0][1]
    return [f"{tail:.0f} ms", f"{measured.slopes(data)[name].value:.2f}".replace("-0.00", "0.00")]


def _knee(results: Results, name: str) -> str:
    """Return the knee of the model where store and replicas are machines of one size."""
    if "P1" not in results:
        return _MISSING
    data, subject = results["P1"]["data"], _SUBJECTS.get(name, name)
    if name == "memory":
        return "1: it does not scale"
    app, store = measured.costs(data, "app_us"), measured.costs(data, "store_us")
    if subject not in app:
        return _MISSING
    knee = analysis.knee(
        app[subject].value, store[subject].value, store_capacity=1, replica_capacity=1
    )
    return "none" if knee == float("inf") else f"{two_digits(knee)} (model)"


def _lag(results: Results, name: str) -> str:
    if "C1" not in results:
        return _MISSING
    lags = results["C1"]["data"]["lags"].get("sticky" if name == "memory" else name)
    return _MISSING if not lags else f"≤ {seconds(max(0.001, *lags))}"


def _survives(results: Results, name: str, fault: str) -> str | Cell:
    one = measured.cell(results["F"]["data"], fault, name) if "F" in results else None
    if one is None:
        return _MISSING
    return describe(results["F"]["data"], one)


def _leak(results: Results, name: str) -> str | Cell:
    if "P5" not in results or name == "none":
        return "" if name == "none" else _MISSING
    name = "memory" if name == "sticky" else name
    accepted = _forgeries_accepted(results, name)
    if accepted is None:
        return _MISSING
    return Cell("everybody", "worse") if accepted else Cell("nobody", "good")


def _forgeries_accepted(results: Results, name: str) -> bool | None:
    attempts = results["P5"]["data"]["attempts"] if "P5" in results else []
    rows = [row for row in attempts if row["scheme"] == name]
    return any(row["accepted"] for row in rows) if rows else None


def _leaked(results: Results, name: str) -> tuple[str | Cell, bool | None]:
    """Return a cell of the matrix, from P5, and whether it had been predicted so."""
    accepted = _forgeries_accepted(results, "memory" if name == "sticky" else name)
    if accepted is None:
        return _MISSING, None
    right = (predicted(_LEAK, name, "") == "accepted") is accepted
    text = "anybody can be impersonated" if accepted else "nobody can be impersonated"
    mark = "" if right else " (predicted otherwise)"
    return Cell(text + mark, "worse" if accepted else "good"), right


def _deploy(results: Results, name: str) -> str | Cell:
    one = measured.cell(results["F"]["data"], "F14", name) if "F" in results else None
    if one is None:
        return _MISSING
    share = measured.losses(results["F"]["data"], one)["logged_out"]
    return Cell(percent(share), "worse" if share else "good")


def describe(data: Json, one: Json) -> Cell:
    """Return a cell of the matrix: what was lost, how, for how long, and who is logged out.

    After a log-out of everybody: what was let in all the same.
    """
    if one.get("ends"):
        share, until = measured.wrongly_accepted(data, one)
        text = f"{percent(share)} let in, until {until:.1f} s" if share else "all refused"
        return Cell(text, _TONES[outcome(data, one)])
    lost = measured.losses(data, one)
    before, after = lost["before"], lost["after"]
    parts = [
        f"{percent(share)} {kind}"
        for kind, share in sorted(after.items())
        if kind != "200" and share > before.get(kind, 0) + (0.1 if kind in before else 0)
    ]
    if parts and lost["over_after"]:
        parts.append(f"until {lost['over_after']:.1f} s")
    if lost["logged_out"]:
        parts.append(f"{percent(lost['logged_out'])} logged out")
    return Cell(", ".join(parts) or "nothing lost", _TONES[outcome(data, one)])


_TONES: Final[dict[Outcome, Tone]] = {
    "nothing": "good",
    "some": "bad",
    "accepted for a while": "bad",
    "logged out": "worse",
    "accepted": "worse",
}


def matrix(results: Results, front: str) -> tuple[Table, int, int]:
    """Return the fault matrix, how many predictions it holds, and how many of them were right."""
    data = results["F"]["data"]
    schemes = [name for name in SCHEMES if any(one["scheme"] == name for one in data["cells"])]
    rows: list[list[str | Cell]] = []
    made = right = 0
    for fault in FAULTS:
        cells: list[str | Cell] = []
        for name in schemes:
            one = measured.cell(data, fault.id, name, front)
            if one is None:
                cells.append(_MISSING)
                continue
            said = predicted(fault.id, name, front)
            made, right = made + 1, right + (said == outcome(data, one))
            shown = describe(data, one)
            mark = "" if said == outcome(data, one) else f" (predicted: {said})"
            cells.append(Cell(shown.text + mark, shown.tone))
        if any(cell != _MISSING for cell in cells):
            rows.append([f"{fault.id}: {fault.title}", *cells])
    leaks = [_leaked(results, name) for name in schemes]
    if any(said is not None for _, said in leaks):
        made += sum(said is not None for _, said in leaks)
        right += sum(said is True for _, said in leaks)
        rows.append([f"{_LEAK}: a replica's configuration leaks", *(cell for cell, _ in leaks)])
    return Table(["fault", *(f"`{name}`" for name in schemes)], rows), made, right
