"""C3: how many octets a credential adds to each request, and where headers get too long."""

from typing import Final

from lab.bench.verification import AUDIENCE, ISSUER, sign_tokens
from lab.client import Headers, NoAnswer, Request
from lab.experiments import Experiment, Json
from lab.key_stand import KeyStand
from lab.laboratory import Laboratory

ROLES: Final = (0, 1, 5, 10, 20, 50, 100, 150, 200, 300, 500, 800, 1200, 2500)
SCHEMES: Final = ("basic", "memory", "sticky", "postgres", "redis", "opaque", "hs256", "rs256")


async def run(lab: Laboratory) -> Json:
    """Measure real log-ins, and tokens with more and more roles, sent through Caddy and past it."""
    credentials = {}
    for name in SCHEMES:
        lab.advance(f"{name}: one log-in")
        async with lab.fleet(name, (1,)) as fleet:
            credentials[name] = octets((await lab.visitor(fleet, 1)).log_in.credential)
    async with KeyStand() as stand:
        lab.advance("tokens with roles")
        told = {
            "RESOURCE_JWKS_URI": stand.url,
            "RESOURCE_ISSUER": ISSUER,
            "RESOURCE_AUDIENCE": AUDIENCE,
        }
        async with lab.fleet("rs256", (1,), variables=told) as fleet:
            roles = [
                await _send(lab, stand, count, fleet.fronts[1], fleet.ports[0]) for count in ROLES
            ]
    return {"credentials": credentials, "roles": roles, "role": role(0)}


def role(number: int) -> str:
    """Return a role's name, as long as such names usually are."""
    return f"team-{number:04d}:editor"


def octets(credential: Headers) -> int:
    """Count what these headers take in a request: name, colon, space, value, line end."""
    return sum(len(name) + len(value) + 4 for name, value in credential)


async def _send(
    lab: Laboratory, stand: KeyStand, count: int, front: str, port: int
) -> dict[str, object]:
    also = {"roles": [role(number) for number in range(count)]} if count else {}
    [token] = sign_tokens(stand.key, 1, also=also)
    credential = (("authorization", f"Bearer {token}"),)
    statuses = {}
    for name, place in (("balanced", front), ("direct", f"http://127.0.0.1:{port}")):
        try:
            answer = await lab.client.send(Request("GET", f"{place}/whoami", credential))
            statuses[name] = answer.status
        except NoAnswer:
            statuses[name] = 0
    return {"roles": count, "octets": octets(credential), **statuses}


EXPERIMENT: Final = Experiment(
    id="C3", title="Octets per request", run=run, seconds=30, quick_seconds=30
)
