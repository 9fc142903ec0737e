"""What must be right before a claim is worth reading: form, header, key and signature."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from resource_service.diagnosis.dissection import Dissection
from resource_service.diagnosis.findings import shown
from resource_service.diagnosis.steps import Step, Wrong
from shared.access_token import HEADER_RULES, MAXIMUM_LENGTH, Refusal
from shared.errors import TemporarilyUnavailable
from shared.jose_header import Rule
from shared.jws import VerificationKey

# The key that the header names, None if the issuer has none such, or why nobody can know.
FoundKey = VerificationKey | TemporarilyUnavailable | None

_KEY_MEMBERS: Final = ("jku", "jwk", "x5u", "x5c")
_AS_GIVEN: Final = (
    "Pass the access token on exactly as the issuer gave it: no refresh token, nothing cut off."
)
_UNKNOWN_KEY: Final = (
    "Compare iss below with the issuer you expect: is it another issuer's token? If not, the"
    " issuer has withdrawn this key, and a new token is needed."
)
_NO_KEYS: Final = "The token may be good. Start the issuer, or mend the way to its keys."
_ADVICE: Final = {
    "alg": "The issuer must sign access tokens with RS256.",
    "typ": 'This is no access token: an ID token has another typ. Present the "access_token".',
    "crit and the like": "The issuer must leave these header members out.",
    "kid": "The issuer must name its key by a short plain kid.",
}


def steps(key: FoundKey) -> Iterator[Step]:
    """Return the checks in the verifier's order: no key is looked up for a bad header."""
    yield Step("length", "our limit", Refusal.TOO_LONG, _length, "Put less into the token.")
    yield Step("three parts", "RFC 7515 §7.1", Refusal.MALFORMED, _three_parts, _AS_GIVEN)
    yield Step("header", "RFC 7515 §4", Refusal.MALFORMED, _header, _AS_GIVEN)
    for rule in HEADER_RULES:
        look = partial(_header_rule, rule)
        yield Step(rule.name, rule.section, Refusal.MALFORMED, look, _ADVICE[rule.name])
    yield Step("keys it offers", "RFC 8725 §3.10", Refusal.MALFORMED, _offered_keys)
    yield Step("signature", "RFC 7515 §2", Refusal.MALFORMED, _signature, _AS_GIVEN)
    yield Step("key", "RFC 9068 §4", Refusal.UNKNOWN_KEY, partial(_key, key), _UNKNOWN_KEY)
    yield Step(
        "signature verified",
        "RFC 7515 §5.2",
        Refusal.WRONG_SIGNATURE,
        partial(_signed, key),
        "The token was changed after it was signed, or copied badly: get a new one.",
    )


def _length(dissection: Dissection) -> str:
    length = f"{len(dissection.token)} characters, at most {MAXIMUM_LENGTH}"
    if len(dissection.token) > MAXIMUM_LENGTH:
        raise Wrong(length)
    return length


def _three_parts(dissection: Dissection) -> str:
    return f"{len(dissection.parts)} parts: a signed token in compact form"


def _header(dissection: Dissection) -> str:
    return f"base64url, UTF-8, one JSON object: {shown(dissection.header)}"


def _header_rule(rule: Rule, dissection: Dissection) -> str:
    rule.check(dissection.header)
    return shown(dissection.header[rule.name]) if rule.name in dissection.header else "none"


def _offered_keys(dissection: Dissection) -> str:
    offered = [name for name in _KEY_MEMBERS if name in dissection.header]
    return f"{', '.join(offered)}: never read" if offered else "none"


def _signature(dissection: Dissection) -> str:
    return f"base64url, {len(dissection.signature)} octets"


def _key(key: FoundKey, dissection: Dissection) -> str:
    kid = shown(dissection.header.get("kid"))
    if isinstance(key, TemporarilyUnavailable):
        raise Wrong(f"{kid}: {key.description}", refusal=key.description, advice=_NO_KEYS)
    if key is None:
        raise Wrong(f"{kid}: unknown, not among the issuer's keys")
    return f"{kid}: found"


def _signed(key: FoundKey, dissection: Dissection) -> str:
    if not isinstance(key, VerificationKey):
        raise ValueError("there is no key")
    if not key.verify(dissection.signing_input, dissection.signature):
        raise Wrong("not made with this key over this header and payload")
    return "made with this key over this header and payload"
