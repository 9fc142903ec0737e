"""The claims against tokens that are about safety: a function each, from one experiment."""

from typing import Any

from lab.analysis import quantile
from lab.report import measured
from lab.report.finding import Finding
from lab.report.texts import micro, percent, seconds

Json = dict[str, Any]
_POLL_AND_FETCH = 6.0  # seconds


def c1(data: Json) -> Finding:
    """Until the last 200."""
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
    listed = max(data["lags"].get("rs256+status", [0.0]))
    return Finding(
        "C1",
        "Sessions end now, tokens at `exp`",
        "C1",
        "store: in-flight requests only; RS256: what is left of its life; with the status list a"
        " poll and a fetch (6 s) at most",
        "median and longest time to the last 200: "
        + "; ".join(parts)
        + f". The verifier's leeway of {data['leeway']} s comes on top of `exp`",
        max(sessions) < 0.1 and listed < _POLL_AND_FETCH,
    )


def c2(data: Json) -> Finding:
    """Operations, octets and delay of two ways to take a token back."""
    asked, polled, weight = data["asked"], data["polled"], data["list_octets"]
    each = asked["round_trips"] / asked["requests"]
    app = measured.costs(data, "app_us")
    more = {name: micro(app[name]) for name in ("rs256", "rs256+status", "rs256+denylist")}
    lags = {name: max(0.0, *lags) for name, lags in data["lags"].items()}
    outage = {
        name: percent(sum(status != 200 for status in statuses) / len(statuses))
        for name, statuses in data["outage"].items()
    }
    return Finding(
        "C2",
        "Revocation need not rebuild the store",
        "C2",
        "status list: 0 operations per request, a bounded delay; deny-list: 1, none",
        f"operations per request: deny-list {each:.2f}, status list"
        f" {polled['polls'] / polled['requests']:.5f} ({polled['polls']} polls in"
        f" {polled['seconds']:.0f} s for {polled['requests']:,} requests); octets: deny-list"
        f" {asked['octets'] / asked['requests']:.0f} per request, status list"
        f" {weight['unchanged']} per poll, {weight['changed']} when it has changed; CPU of the"
        f" app: {', '.join(f'`{name}` {cost}' for name, cost in more.items())}; last 200 after a"
        f" revocation: deny-list {seconds(lags['rs256+denylist'])}, status list"
        f" {seconds(lags['rs256+status'])} at most; refused while the store or the issuer is"
        f" dead: {', '.join(f'`{name}` {share}' for name, share in outage.items())}",
        each > 0.95
        and polled["polls"] <= polled["seconds"] / data["poll"] + 1
        and lags["rs256+status"] < _POLL_AND_FETCH,
    )


def c6(data: Json) -> Finding:
    """Until rights that were taken away are gone."""
    stale = max(0.0, *data["stale_rights"]["redis"])
    listed = data["stale_rights"].get("rs256+status")
    tokens = [lag for lags in data["turned"].values() for lag in lags]
    ended = (
        f"; with the status list its log-in can be ended, and is shown {seconds(max(listed))}"
        " longer at most"
        if listed
        else ""
    )
    return Finding(
        "C6",
        "Claims go stale",
        "C1",
        "session: the next request; token: up to its life",
        f"a scope taken out of a session in Redis was last shown {seconds(stale)} later, at most;"
        f" a token shows it as long as it is accepted (C1), here up to {seconds(max(tokens))}"
        f"{ended}",
        stale < 0.1,
    )


def c8(data: Json) -> Finding:
    """Attacks that get through, by verifier."""
    got = {
        name: sum(outcome != "refused" for outcome in outcomes.values())
        for name, outcomes in data["outcomes"].items()
    }
    taken = sum(outcome == "accepted" for outcome in data["outcomes"]["tutorial"].values())
    return Finding(
        "C8",
        "A token has more ways to be wrong",
        "C8",
        "ours 0; a naive verifier several",
        f"of {data['attacks']} attacks ours let {got['ours']} through; one with the flaws of a"
        f" usual tutorial accepted {taken} and answered {got['tutorial'] - taken} with a crash;"
        f" with the one flaw that it aims at, each of {got['one flaw each']} succeeded; with none"
        f" {got['careful']}",
        got["ours"] == 0 and got["tutorial"] > 3,
    )


def c9(data: Json) -> Finding:
    """Fetches that forged tokens cause."""
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
