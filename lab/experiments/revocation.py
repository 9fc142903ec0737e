"""C1 and C6: how long somebody is still let in after being logged out, or still has old rights.

Sessions: logged out over HTTP while their owner goes on asking. Tokens: the real thing where
a token lives for 30 s, and the real verifier with its clock turned for longer lives.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Final

import msgspec

from lab.bench.verification import AUDIENCE, ISSUER, sign_tokens
from lab.client import Client, Headers, Request
from lab.experiments import Experiment, Json
from lab.fleet import Fleet
from lab.laboratory import Laboratory
from lab.log_out import log_out
from lab.schemes import redis
from lab.schemes.password_check import claims
from resource_service.status_list import POLL
from shared.access_token import LEEWAY, AccessTokenVerifier
from shared.errors import InvalidToken
from shared.jws import SigningKey
from shared.key_set import KeySet

STATEFUL: Final = ("sticky", "postgres", "redis", "opaque")
TOKENS: Final = ("hs256", "rs256")
LISTED: Final = "rs256+status"
LIFETIME: Final = 30  # seconds, of the tokens that are waited for
LIFETIMES: Final = (30, 300, 900)
TRIALS: Final = 100
_EVERY: Final = 0.5  # seconds between two requests with a token
_PAUSE: Final = 0.05  # seconds between two requests of one of many trials at a time
_POLLS: Final = 4  # of the status list, over which these begin
_REPLICAS: Final = 2


async def run(lab: Laboratory, trials: int = TRIALS) -> Json:
    """Return the seconds between the end of a log-out and the last 200, for each trial."""
    if lab.quick:
        trials = 20
    lags: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        fleets = {
            name: await stack.enter_async_context(lab.fleet(name, (_REPLICAS,)))
            for name in (*STATEFUL, *TOKENS, LISTED)
        }
        for pair in (STATEFUL[:2], STATEFUL[2:]):
            lab.advance(f"{' and '.join(pair)}: {trials} log-outs each")
            timed = (_one_after_the_other(lab, fleets[name], trials) for name in pair)
            lags |= dict(zip(pair, await asyncio.gather(*timed), strict=True))
        demotions = [await _demote(lab, fleets["redis"]) for _ in range(trials // 5)]
        lab.advance(f"{trials} log-outs of tokens, in every phase of the poll, and to their end")
        # Side by side: what is waited for are seconds, of which a request takes thousandths.
        waiting = {LISTED: log_out_side_by_side(lab, fleets[LISTED], trials)}
        if not lab.quick:
            lab.forget_people()  # these tokens are to be new
            await lab.people(trials)
            waiting |= {name: _outlive(lab, fleets[name], trials) for name in TOKENS}
        lags |= dict(zip(waiting, await asyncio.gather(*waiting.values()), strict=True))
        # A scope cannot be taken out of a token; all that can be done is to end it.
        stale = {"redis": demotions, LISTED: lags[LISTED]}
    lab.advance("longer lives, with the verifier's clock turned")
    turned = {str(life): await _turn_the_clock(lab, life, trials) for life in LIFETIMES}
    return {
        "lags": lags,
        "turned": turned,
        "stale_rights": stale,
        "leeway": LEEWAY,
        "poll": POLL,
        "lifetime": LIFETIME,
    }


async def _one_after_the_other(lab: Laboratory, fleet: Fleet, trials: int) -> list[float]:
    return [await time_log_out(lab, fleet) for _ in range(trials)]


async def time_log_out(
    lab: Laboratory, fleet: Fleet, pause: float = 0.0, replicas: int = 1
) -> float:
    """Return the seconds from the end of a log-out to the last 200, 0 or less if there was none."""
    visitor = await lab.visitor(fleet, _REPLICAS)
    request = visitor.request(_REPLICAS)
    asking = asyncio.create_task(_ask_until_refused(lab.client, request, pause, replicas))
    await asyncio.sleep(lab.chance.uniform(0.02, 0.06))
    await log_out(lab, visitor, fleet.fronts[_REPLICAS])
    revoked = time.monotonic()
    return await asking - revoked


async def log_out_side_by_side(lab: Laboratory, fleet: Fleet, trials: int) -> list[float]:
    """Begin the trials evenly spread over several polls: each lasts up to one."""

    async def trial(begin: float) -> float:
        await asyncio.sleep(begin)
        return await time_log_out(lab, fleet, _PAUSE, _REPLICAS)

    over = _POLLS * POLL
    return list(await asyncio.gather(*(trial(n * over / trials) for n in range(trials))))


async def _ask_until_refused(
    client: Client, request: Request, pause: float = 0.0, replicas: int = 1
) -> float:
    """Ask until so many replicas have refused; return when the last 200 came."""
    last, refusing = -1.0, set[str]()
    while len(refusing) < replicas:
        answer = await client.send(request)
        if answer.status == HTTPStatus.OK:
            last = time.monotonic()
        else:
            refusing.add(answer.header("x-replica") or "")
        await asyncio.sleep(pause)
    return last


async def _demote(lab: Laboratory, fleet: Fleet) -> float:
    """Take a scope out of a session in the store; return how long `/whoami` still showed it."""
    visitor = await lab.visitor(fleet, 2)
    request = visitor.request(2)
    session_id = visitor.log_in.credential[0][1].partition("=")[2]
    valkey = redis.connect(lab.stores.places.redis_url)
    try:
        value = await valkey.get(redis.key(session_id))
        session = msgspec.json.decode(value, type=redis.Session)
        demoted = msgspec.structs.replace(session.user, scope_value="")
        await valkey.set(redis.key(session_id), redis.record(demoted), keepttl=True)
    finally:
        await valkey.aclose()
    changed = last = time.monotonic()
    while (await lab.client.send(request)).json()["scope"]:
        last = time.monotonic()
    return last - changed


async def _outlive(lab: Laboratory, fleet: Fleet, trials: int) -> list[float]:
    """Take `trials` tokens, call each revoked at some moment of its life, ask until refused."""
    people = await lab.people(trials)
    credentials = await lab.seed(fleet.scheme, people)
    pairs = zip(people, credentials, strict=True)
    return list(
        await asyncio.gather(
            *(_outlives(lab, fleet, claims(p.token).exp, headers) for p, headers in pairs)
        )
    )


async def _outlives(lab: Laboratory, fleet: Fleet, exp: int, credential: Headers) -> float:
    request = Request("GET", f"{fleet.fronts[_REPLICAS]}/whoami", credential)
    revoked = exp - lab.chance.uniform(0, LIFETIME)
    last = time.time()
    await asyncio.sleep(lab.chance.uniform(0, _EVERY))
    while (await lab.client.send(request)).status == 200:
        last = time.time()
        await asyncio.sleep(_EVERY)
    return last - revoked


async def _turn_the_clock(lab: Laboratory, life: int, trials: int) -> list[float]:
    """Verify tokens of `life` seconds at later and later times, to the second."""
    key = SigningKey.generate()
    clock = [0.0]
    verifier = AccessTokenVerifier(
        KeySet(key.verification_key()), ISSUER, AUDIENCE, now=lambda: clock[0]
    )
    lags = []
    for token in sign_tokens(key, trials, lifetime=life):
        known = claims(token)
        revoked = known.iat + lab.chance.uniform(0, life)
        clock[0] = float(known.iat)
        while await _accepts(verifier, token):
            clock[0] += 1
        lags.append(clock[0] - 1 - revoked)
    return lags


async def _accepts(verifier: AccessTokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except InvalidToken:
        return False
    return True


EXPERIMENT: Final = Experiment(
    id="C1",
    title="From a log-out to the last 200",
    run=run,
    seconds=115,
    quick_seconds=45,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": str(LIFETIME)},
)
