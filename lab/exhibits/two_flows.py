"""`two-flows`: session and token side by side, and how soon a log-out counts."""

import asyncio
import time
from typing import Final

from lab import schemes
from lab.bench.client import request, saturate
from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet
from lab.experiments.cost_per_request import WARM, count_round_trips
from lab.experiments.size import octets
from lab.fleet import Visitor
from lab.laboratory import Laboratory
from lab.log_out import log_out
from lab.proxy import Wire

FLOWS: Final = ("redis", "rs256", "rs256+status")
PATIENCE: Final = 8.0  # seconds


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Count what each request asks of a store, and how long a log-out takes to count."""
    asked = {name: await _asked_by_a_token(lab, name) for name in FLOWS[1:]}
    asked["redis"] = await _asked_by_a_session(lab)
    gaps, sizes = {}, {}
    for name in FLOWS:
        async with lab.fleet(name, (2,)) as fleet:
            visitor = await lab.visitor(fleet, 2)
            sizes[name] = octets(visitor.log_in.credential)
            gaps[name] = await _gap(lab, visitor)
    sheet.title("The two flows, and the second with a status list")
    sheet.table(
        ("", "session", "JWT", "JWT + list"),
        [
            ("what is kept at the server", "a record", "nothing", "a list of the revoked"),
            ("what the client sends", *(f"{sizes[name]} B" for name in FLOWS)),
            ("round trips per request", *(f"{asked[name]:.2f}" for name in FLOWS)),
            ("let in after a log-out for", *(gaps[name] for name in FLOWS)),
        ],
    )
    sheet.say(
        "Both carry a proof with every request. A session's is a number that means nothing without"
        " the record; a token's can be checked by whoever has the public key. So one costs a"
        " look-up, and the other lives until its end, or until a list says otherwise."
    )


async def _asked_by_a_session(lab: Laboratory) -> float:
    """Return round trips to the store per request."""
    scheme = schemes.find("redis")
    credentials = await lab.seed(scheme, await lab.people(WARM))
    requests = [request("GET", "/whoami", dict(one)) for one in credentials]
    counted = await count_round_trips(lab, scheme, requests)
    return float(counted["round_trips"] / counted["requests"])


async def _asked_by_a_token(lab: Laboratory, name: str) -> float:
    """Return what a replica asks issuer and database per request, by wires to both."""
    people = await lab.people(WARM)
    tokens = [request("GET", "/whoami", {"Authorization": f"Bearer {p.token}"}) for p in people]
    keys = f"{lab.stack.auth_url}/.well-known/jwks.json"
    async with Wire.before(keys) as issuer, Wire.before(lab.stack.databases.resource_url) as notes:
        told = {
            "RESOURCE_JWKS_URI": issuer.through(keys),
            "RESOURCE_DATABASE_URL": notes.through(lab.stack.databases.resource_url),
        }
        async with lab.replica(name, variables=told) as (_, port):
            await saturate(port, tokens, 0.5)
            before = issuer.round_trips + notes.round_trips
            answered = await saturate(port, tokens, 1.0)
            return (issuer.round_trips + notes.round_trips - before) / answered


async def _gap(lab: Laboratory, visitor: Visitor) -> str:
    """Log out, and ask until refused or out of patience."""
    asked = visitor.request(2)
    await lab.client.send(asked)
    await log_out(lab, visitor, visitor.fleet.fronts[2])
    ended, last, refusing = time.monotonic(), 0.0, set[str]()
    while (now := time.monotonic()) - ended < PATIENCE and len(refusing) < 2:
        answer = await lab.client.send(asked)
        if answer.status == 200:
            last = now - ended
        else:
            refusing.add(answer.header("x-replica") or "")
        await asyncio.sleep(0.02)
    return f"{last:.1f} s" if len(refusing) == 2 else f"> {PATIENCE:.0f} s"


EXHIBIT: Final = Exhibit("The two flows, side by side", run)
