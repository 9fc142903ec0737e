"""The one-minute demo: sessions in memory against signed tokens, with real processes and faults."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from lab import fleet, schemes, script
from lab.client import Client, Headers, NoAnswer
from lab.fleet import Fleet, Visitor
from lab.load import fire
from lab.narrator import Narrator
from lab.outage import Cast, Outage
from lab.premises import state_folder
from lab.stopping import stoppable
from lab.volley import Volley
from stack.errors import StackError
from stack.layout import Ports, Settings
from stack.stack import Stack

SIZES: Final = (1, 2, 4)  # replicas behind the load balancer
REQUESTS: Final = 40
_RATE: Final = 40.0  # requests per second
_TOKEN_LIFETIME: Final = 15  # seconds
_USUAL_LIFETIME: Final = 300  # seconds: the default of AUTH_ACCESS_TOKEN_LIFETIME
_LEEWAY: Final = 30  # seconds: what AccessTokenVerifier allows for clocks that differ
_AFTERMATH: Final = 2.0  # seconds to go on after the token's end

_EXPECTED: Final[dict[str, Callable[[int], float]]] = {  # share of 401 by number of replicas
    script.SESSION: lambda replicas: 1 - 1 / replicas,
    script.JWT: lambda _replicas: 0.0,
}


class DemoFailed(Exception):
    """What must work before anything can be shown did not; the text says what."""


def run() -> int:
    """Play the demo on a stack of its own, which is gone afterwards; return the exit status."""
    narrator = Narrator()
    try:
        with state_folder() as folder:
            asyncio.run(stoppable(_play(narrator, folder)))
    except KeyboardInterrupt:
        return _stopped(narrator, signal.SIGINT)
    except asyncio.CancelledError:
        return _stopped(narrator, signal.SIGTERM)
    except (DemoFailed, NoAnswer, StackError) as error:
        narrator.say(f"The demo cannot go on: {error}", "red")
        return 1
    return 0


def _stopped(narrator: Narrator, number: signal.Signals) -> int:
    narrator.say("Stopped: no process and no file is left behind.")
    return 128 + number


async def _play(narrator: Narrator, folder: Path) -> None:
    began = time.monotonic()
    narrator.skip()
    narrator.act(script.TITLE)
    narrator.say(script.OPENING)
    settings = Settings(auth={"AUTH_ACCESS_TOKEN_LIFETIME": str(_TOKEN_LIFETIME)}, restart=False)
    stack = Stack(folder, Ports.free(max(SIZES)), settings)
    try:
        fleets = await _start(narrator, stack)
        narrator.say(f"Started in {time.monotonic() - began:.1f} s.", "dim")
        async with Client() as client:
            visitors = await _log_in(narrator, client, stack, fleets)
            await _fire_volleys(narrator, client, visitors)
            await _break_things(narrator, client, visitors, stack)
        _close(narrator, visitors)
    finally:
        await stack.stop()
    narrator.say(f"{time.monotonic() - began:.0f} s; every process is stopped.", "dim")


async def _start(narrator: Narrator, stack: Stack) -> list[Fleet]:
    """Start everything; the sessions' fleet comes first."""
    fleets = []
    with narrator.progress(3) as advance:
        advance(0, "issuer, PostgreSQL, Caddy, four replicas for tokens")
        await stack.start()
        for name, doing in (
            ("memory", "four replicas for sessions"),
            ("rs256+status", "load balancers"),
        ):
            advance(1, doing)
            fleets.append(await fleet.start(stack, schemes.find(name), SIZES))
    return fleets


async def _log_in(
    narrator: Narrator, client: Client, stack: Stack, fleets: Sequence[Fleet]
) -> list[Visitor]:
    """Log in once at each fleet, and show how; the first replica is in every front's pool."""
    visitors = []
    for name, at in zip(_EXPECTED, fleets, strict=True):
        narrator.act(f"Log in once: {at.scheme.title}")
        narrator.say(script.LOG_IN[name])
        account = fleet.account(stack)
        visitor = Visitor(name, at, account, await at.log_in(client, account, size=1))
        narrator.exchange(visitor.log_in.request, visitor.log_in.response)
        if not visitor.log_in.credential:
            raise DemoFailed(f"the log-in was refused ({visitor.log_in.response.status})")
        narrator.say(script.LOGGED_IN[name])
        if visitor.token:
            narrator.facts(script.facts(visitor.token))
        request = visitor.request(size=1)
        response = await client.send(request)
        narrator.exchange(request, response)
        if response.status != HTTPStatus.OK:
            raise DemoFailed(f"the first request was refused ({response.status})")
        visitors.append(visitor)
    return visitors


async def _fire_volleys(narrator: Narrator, client: Client, visitors: Sequence[Visitor]) -> None:
    narrator.act(f"{REQUESTS} requests each, through a round-robin load balancer")
    narrator.say(script.VOLLEYS)
    volleys = []
    with narrator.progress(REQUESTS * len(SIZES) * len(visitors)) as advance:
        for visitor in visitors:
            for size in SIZES:
                shots = await fire(
                    client,
                    visitor.request(size),
                    rate=_RATE,
                    count=REQUESTS,
                    seen=lambda shot: advance(1, f"{shot.status} from {shot.replica}"),
                )
                volley = Volley(visitor.name, size, _EXPECTED[visitor.name](size), shots)
                narrator.volley(volley)
                volleys.append(volley)
    narrator.table(volleys)


async def _break_things(
    narrator: Narrator, client: Client, visitors: Sequence[Visitor], stack: Stack
) -> None:
    narrator.act("Now kill a replica, and the issuer, while requests flow")
    narrator.say(
        script.OUTAGE.format(lifetime=_TOKEN_LIFETIME, leeway=_LEEWAY, usual=_USUAL_LIFETIME)
    )
    expires_at = script.claims(visitors[-1].token)["exp"]
    cast = Cast(
        client, stack.auth, visitors, max(SIZES), expires_at, expires_at + _LEEWAY + _AFTERMATH
    )
    outage = Outage(cast, narrator)
    await outage.run()
    narrator.say(script.PHASES)
    narrator.phases(outage.timeline, outage.shots)
    narrator.say(script.second_life(outage.second_life()))


def _close(narrator: Narrator, visitors: Sequence[Visitor]) -> None:
    sizes = {visitor.name: _octets(visitor.log_in.credential) for visitor in visitors}
    narrator.act("What this shows")
    narrator.points(script.SHOWN)
    narrator.act("What it does not show")
    figures = {
        "lifetime": _TOKEN_LIFETIME + _LEEWAY,
        "usual": _USUAL_LIFETIME + _LEEWAY,
        "session": sizes[script.SESSION],
        "jwt": sizes[script.JWT],
    }
    narrator.points(point.format_map(figures) for point in script.NOT_SHOWN)


def _octets(headers: Headers) -> int:
    """Count what these headers take in a request: name, colon, space, value, line end."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
