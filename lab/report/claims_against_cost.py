"""The claims against tokens that are about cost: a function each, from one experiment."""

from typing import Any

from lab.analysis import interval
from lab.report import measured
from lab.report.finding import Finding
from lab.report.texts import micro, octets, percent

Json = dict[str, Any]


def c3(data: Json) -> Finding:
    """Octets, and where they become too many."""
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


def c4(data: Json) -> Finding:
    """Operations that refreshing costs."""
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


def c5(data: Json) -> Finding:
    """CPU of the app."""
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


def c10(data: Json) -> Finding:
    """Octets per session."""
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


def c11(data: Json) -> Finding:
    """Users whom a restart logs out (from the fault matrix)."""
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


def c11_growth(data: Json) -> Finding:
    """What new replicas take over, how evenly load lies, and whom each restart logs out."""
    few, many, sticky = data["few"], data["many"], data["outcomes"]["sticky"]
    parts = []
    for name, one in sorted(data["outcomes"].items()):
        grown, spread = one["after_growth"], one["spread"]
        parts.append(
            f"`{name}`: {percent(sum(grown[few:]) / sum(grown))} of the requests of people who"
            f" were there reach the new replicas, the busiest of {many} has"
            f" {max(spread) / sum(spread) * many:.2f} times its share, logged out after each"
            f" restart {', '.join(percent(n / data['people']) for n in one['logged_out'])}"
        )
    even = max(data["outcomes"]["rs256+status"]["spread"])
    first = sticky["logged_out"][0] / data["people"]
    return Finding(
        "C11",
        "Sticky load balancing: growth, skew and deploys",
        "C11",
        "new replicas take over nobody; 1/N of the users lost per restart",
        "; ".join(parts),
        sum(sticky["after_growth"][few:]) == 0
        and max(sticky["spread"]) > even
        and 0 < first < 2.5 / many
        and sticky["logged_out"][-1] == data["people"],
    )


def c13(data: Json) -> Finding:
    """Machines against one process, by demands."""
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


def c13_throughput(data: Json) -> Finding | None:
    """Machines against one process, by throughput; None where there are no quotas."""
    curves = measured.throughputs(data)
    if not data.get("one_process") or not curves:
        return None
    one = interval(data["one_process"]).value
    needed = {
        name: next((n for n, x in points if x > one), None) for name, points in curves.items()
    }
    parts = ", ".join(
        f"`{name}` {n if n is not None else 'never'}"
        for name, n in sorted(needed.items())
        if name != "none"
    )
    found = [n for name, n in needed.items() if n is not None and name != "none"]
    return Finding(
        "C13",
        "One process beats a badly distributed one: machines of one size",
        "P2",
        "about 2 to beat one in-memory process",
        f"one process with its sessions in memory answered {one:.0f} per second; machines to"
        f" pass it: {parts}",
        bool(found) and max(found) in (2, 3),
    )
