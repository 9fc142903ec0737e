"""P5: whoever reads a replica's configuration can be whom? Read from the live process and tried."""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx
import msgspec

from lab import schemes
from lab.client import Headers, Request
from lab.experiments import Experiment, Json
from lab.fleet import Fleet
from lab.laboratory import Laboratory
from lab.schemes import Person, Places, hs256, redis
from lab.schemes.session_app import cookie
from shared import jws
from shared.access_token import TYPE, AccessToken
from shared.jws import SigningKey

SCHEMES: Final = (
    "basic",
    "memory",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
VICTIM: Final = "the-administrator"

Environment = Mapping[str, str]
Forge = Callable[[Environment, AccessToken], Awaitable[Headers]]


async def run(lab: Laboratory, names: Sequence[str] = SCHEMES) -> Json:
    """Try every forgery that a configuration offers, at the replica that it is from."""
    [person] = await lab.people(1)
    victim = msgspec.structs.replace(person.claims, sub=VICTIM, jti=secrets.token_urlsafe(16))
    attempts: list[Json] = []
    for name in names:
        lab.advance(f"{name}: reading the environment of its replica")
        async with lab.fleet(name, (1,)) as fleet:
            environment = environment_of(fleet.replicas[0].pid or 0)
            for how, forge in _FORGERIES[name].items():
                attempts.append(
                    {
                        "scheme": name,
                        "forgery": how,
                        **await _try(lab, fleet, await forge(environment, victim)),
                    }
                )
            if name in ("postgres", "redis"):
                attempts.append({"scheme": name, **await _reuse_a_stored_id(lab, fleet)})
    return {"attempts": attempts, "secrets": _secrets()}


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment of a process of ours, as a crash report or a debug page leaks it."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


async def _try(lab: Laboratory, fleet: Fleet, credential: Headers) -> Json:
    answer = await lab.client.send(Request("GET", f"{fleet.fronts[1]}/whoami", credential))
    accepted = answer.status == httpx.codes.OK and answer.json()["sub"] == VICTIM
    return {"status": answer.status, "accepted": accepted}


def _places(environment: Environment) -> Places:
    """Return the places as far as the configuration tells them."""
    url = environment.get("LAB_STORE_URL", "")
    return Places(url, url, environment.get("LAB_HS256_SECRET", ""), Path("/nowhere"))


async def _write_a_session(environment: Environment, victim: AccessToken) -> Headers:
    scheme = "redis" if environment["LAB_STORE_URL"].startswith("redis") else "postgres"
    person = Person(VICTIM, "", "", victim)
    [credential] = await schemes.find(scheme).seed(_places(environment), [person])
    return credential


async def _set_a_password(environment: Environment, victim: AccessToken) -> Headers:
    person = Person(VICTIM, secrets.token_urlsafe(9), "", victim)
    [credential] = await schemes.find("basic").seed(_places(environment), [person])
    return credential


async def _sign_with_the_shared_key(environment: Environment, victim: AccessToken) -> Headers:
    return _bearer(hs256.sign(environment["LAB_HS256_SECRET"].encode(), victim))


async def _guess_a_session(_environment: Environment, _victim: AccessToken) -> Headers:
    return cookie(secrets.token_urlsafe(32))


async def _public_key(environment: Environment) -> dict[str, str]:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{environment['RESOURCE_ISSUER']}/.well-known/jwks.json")
    key: dict[str, str] = answer.json()["keys"][0]
    return key


async def _public_key_as_hmac_key(environment: Environment, victim: AccessToken) -> Headers:
    key = await _public_key(environment)
    header = {"alg": "HS256", "typ": TYPE, "kid": key["kid"]}
    message = _message(header, victim)
    signature = hmac.digest(msgspec.json.encode(key), message, "sha256")
    return _bearer((message + b"." + jws.encode(signature)).decode())


async def _no_signature(environment: Environment, victim: AccessToken) -> Headers:
    key = await _public_key(environment)
    return _bearer(_message({"alg": "none", "typ": TYPE, "kid": key["kid"]}, victim).decode() + ".")


async def _own_key(_environment: Environment, victim: AccessToken) -> Headers:
    key = await asyncio.to_thread(SigningKey.generate)
    return _bearer(key.sign(msgspec.json.encode(victim), typ=TYPE))


def _message(header: dict[str, str], victim: AccessToken) -> bytes:
    return jws.encode(msgspec.json.encode(header)) + b"." + jws.encode(msgspec.json.encode(victim))


def _bearer(token: str) -> Headers:
    return (("authorization", f"Bearer {token}"),)


async def _reuse_a_stored_id(lab: Laboratory, fleet: Fleet) -> Json:
    """Send what the store knows of a live session as a cookie: it is only a hash of the id."""
    visitor = await lab.visitor(fleet, 1)
    session_id = visitor.log_in.credential[0][1].partition("=")[2]
    stored = redis.key(session_id).removeprefix("session:")
    outcome = await _try(lab, fleet, cookie(stored))
    return {"forgery": "sending a stored session's key", **outcome}


def _secrets() -> dict[str, list[str]]:
    """Return the names of the secrets in each configuration."""
    secret = {"LAB_CLIENT_SECRET", "LAB_HS256_SECRET", "LAB_STORE_URL"}
    return {name: sorted(secret & set(schemes.find(name).variables)) for name in SCHEMES}


_OF_RS256: Final[dict[str, Forge]] = {
    "the public key as HMAC key": _public_key_as_hmac_key,
    "no signature": _no_signature,
    "a key of one's own": _own_key,
}
_FORGERIES: Final[dict[str, dict[str, Forge]]] = {
    "basic": {"setting a password": _set_a_password},
    "memory": {"guessing an id": _guess_a_session},
    "postgres": {"writing a session": _write_a_session},
    "redis": {"writing a session": _write_a_session},
    "opaque": {"a key of one's own": _own_key},
    "hs256": {"signing with the shared key": _sign_with_the_shared_key},
    "rs256": _OF_RS256,
    "rs256+status": _OF_RS256,
}

EXPERIMENT: Final = Experiment(
    id="P5",
    title="What a leaked configuration is good for",
    run=run,
    seconds=25,
    quick_seconds=25,
)
