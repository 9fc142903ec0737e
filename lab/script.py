"""The words of the demo. Its numbers were measured, or are the settings it ran with."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from shared import jws

SESSION: Final = "session"
JWT: Final = "JWT"

TITLE: Final = "Sealgate demo: who is asking?"
OPENING: Final = (
    "A server must know who sent a request. Two ways, side by side: a session, which one process "
    "remembers, and a signed token (JWT), which every process can check by itself. All of it is "
    "real: an issuer with PostgreSQL, four replicas for each way, Caddy as load balancer."
)
LOG_IN: Final = {
    SESSION: "The load balancer hands user and password to a replica. It checks them at the "
    "issuer, remembers who that was, and gives out a random number for it, as a cookie.",
    JWT: "The issuer checks user and password and signs who that was. No replica hears of it.",
}
LOGGED_IN: Final = {
    SESSION: "The cookie goes with every request. Only the process that made it knows whose it is.",
    JWT: "The token goes with every request. Anyone can read it: it is signed, not encrypted. "
    "Decoded:",
}
VOLLEYS: Final = (
    "The same cookie and the same token each time. The replica that made the session is in every "
    "pool. A mark for each request: o is 200, x is 401, ! is anything else."
)
OUTAGE: Final = (
    "Four replicas for each way. A digit is how many of the requests sent within 250 ms ended so. "
    "Caddy asks another replica when one is gone. The token lives {lifetime} s here instead of "
    "{usual} s, so that its end is in the picture; replicas accept it {leeway} s longer, for "
    "clocks that differ."
)
PHASES: Final = "Answered with 200, of the requests between one event and the next:"
SHOWN: Final = (
    "A session lives in the memory of one process. Of N replicas one knows it, so 1 - 1/N of the "
    "requests are refused, and it dies with its process: starting that again does not help.",
    "A token carries its proof. Each replica checks it with a public key it already has: no shared "
    "memory, no question to the issuer, not even when a replica starts while the issuer is dead.",
)
NOT_SHOWN: Final = (
    "That sessions cannot scale. In a shared store (Redis, PostgreSQL) every replica finds them, "
    "and they outlive it. The price is a look-up per request and one more thing that must not "
    "fail. Sticky load balancing hides the 401 as well, until the replica dies.",
    "That tokens are free. A session ends when the server deletes it; a token alone is good for "
    "{lifetime} s whatever happens to its user ({usual} s with the usual settings). These replicas "
    "fetch a list of what is revoked, and are 5 s behind it at most. And a token adds {jwt} bytes "
    "to each request, the cookie {session}.",
    "That anybody can do without the issuer. While it is dead nobody logs in, with either, and no "
    "token is renewed.",
)
_NOTES: Final = {
    "kid": "which key",
    "iss": "who signed it",
    "sub": "whom it is about",
    "aud": "for whom it is meant",
}


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a token, unverified, as anyone can read them."""
    return _decoded(token.split(".")[1])


def facts(token: str) -> Iterator[tuple[str, str, str]]:
    """Tell what is in a token: names, values and notes."""
    header, payload, signature = token.split(".")
    yield "header", "", ""
    for name, value in _decoded(header).items():
        yield name, json.dumps(value), _NOTES.get(name, "")
    yield "claims", "", ""
    members = _decoded(payload)
    notes = {**_NOTES, "exp": f"{members['exp'] - members['iat']} s after iat"}
    for name, value in members.items():
        yield name, json.dumps(value), notes.get(name, "")
    yield "signature", "", ""
    yield "RS256", f"{len(jws.decode(signature.encode()))} bytes", ""


def second_life(replicas: Iterable[tuple[str, int, int]]) -> str:
    """Tell what the killed replicas answered when they were back: requests, and 200 of them."""
    counts = "; ".join(f"{name}: {ok} of {answered}" for name, answered, ok in replicas)
    return (
        f"Answered with 200 by the two that came back ({counts}). A new process remembers no "
        "session. The public key was in a file, so the dead issuer was not missed."
    )


def _decoded(segment: str) -> dict[str, Any]:
    return msgspec.json.decode(jws.decode(segment.encode()), type=dict[str, Any])
