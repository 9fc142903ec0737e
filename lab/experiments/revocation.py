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

from lab.bench.verification import AUDIENCE, ISSUER, OneKey, sign_tokens
from lab.client import Client, Headers, NoAnswer, Request
from lab.experiments import Experiment, Json
from lab.fleet import Fleet
from lab.laboratory import Laboratory
from lab.schemes import redis
from lab.schemes.password_check import claims
from shared.access_token import LEEWAY, AccessTokenVerifier
from shared.errors import InvalidToken
from shared.jws import SigningKey

STATEFUL: Final = ("sticky", "postgres", "redis", "opaque")
TOKENS: Final = ("hs256", "rs256")
LIFETIME: Final = 30  # seconds, of the tokens that are waited for
LIFETIMES: Final = (30, 300, 900)
TRIALS: Final = 100
_EVERY: Final = 0.5  # seconds between two requests with a token


async def run(lab: Laboratory, trials: int = TRIALS) -> Json:
    """Return the seconds between the end of a log-out and the last 200, for each trial."""
    if lab.quick:
        trials = 20
    lags: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        fleets = {
            name: await stack.enter_async_context(lab.fleet(name, (2,)))
            for name in (*STATEFUL, *TOKENS)
        }
        for name in STATEFUL:
            lab.advance(f"{name}: {trials} log-outs")
            lags[name] = [await _log_out(lab, fleets[name]) for _ in range(trials)]
        stale = {
            name: [await _demote(lab, fleets[name]) for _ in range(trials // 5)]
            for name in ("redis",)
        }
        if not lab.quick:
            lab.advance(f"tokens: {trials} of {LIFETIME} s, asked until refused")
            for name in TOKENS:
                lags[name] = await _outlive(lab, fleets[name], trials)
    lab.advance("longer lives, with the verifier's clock turned")
    turned = {str(life): await _turn_the_clock(lab, life, trials) for life in LIFETIMES}
    return {
        "lags": lags,
        "turned": turned,
        "stale_rights": stale,
        "leeway": LEEWAY,
        "lifetime": LIFETIME,
    }


async def _log_out(lab: Laboratory, fleet: Fleet) -> float:
    visitor = await lab.visitor(fleet, 2)
    request = visitor.request(2)
    asking = asyncio.create_task(_ask_until_refused(lab.client, request))
    await asyncio.sleep(lab.chance.uniform(0.02, 0.06))
    if visitor.token:
        form = [("token", visitor.token), ("client_id", lab.account.public_client_id)]
        ending = Request.form(f"{lab.stack.auth_url}/revoke", form)
    else:
        ending = Request("POST", f"{fleet.fronts[2]}/logout", visitor.log_in.credential)
    answer = await lab.client.send(ending)
    if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        raise NoAnswer(f"the log-out was refused ({answer.status})")
    revoked = time.monotonic()
    return await asking - revoked


async def _ask_until_refused(client: Client, request: Request) -> float:
    """Ask without a pause; return when the last request that got a 200 was answered."""
    last = -1.0
    while (await client.send(request)).status == 200:
        last = time.monotonic()
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
    if fleet.scheme.name == "rs256":
        lab.forget_people()  # these tokens are to be new
    people = await lab.people(trials)
    credentials = await lab.seed(fleet.scheme, people)
    pairs = zip(people, credentials, strict=True)
    return list(
        await asyncio.gather(
            *(_outlives(lab, fleet, claims(p.token).exp, headers) for p, headers in pairs)
        )
    )


async def _outlives(lab: Laboratory, fleet: Fleet, exp: int, credential: Headers) -> float:
    request = Request("GET", f"{fleet.fronts[2]}/whoami", credential)
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
        OneKey(key.verification_key()), ISSUER, AUDIENCE, now=lambda: clock[0]
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
    seconds=150,
    quick_seconds=30,
    auth={"AUTH_ACCESS_TOKEN_LIFETIME": str(LIFETIME)},
)
