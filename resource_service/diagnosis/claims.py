"""The claims of an access token, one by one: first their types, then what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from resource_service.diagnosis.dissection import Dissection
from resource_service.diagnosis.findings import cut, shown
from resource_service.diagnosis.steps import Step, Wrong
from shared.access_token import AccessToken, Refusal

_SECTIONS: Final = {
    "scope": "RFC 9068 §2.2.3",
    "nbf": "RFC 7519 §4.1.5",
    "auth_time": "RFC 9068 §2.2.1",
    "acr": "RFC 9068 §2.2.1",
    "amr": "RFC 9068 §2.2.1",
    "cnf": "RFC 7800 §3.1",
    "status": "status-list §6.1",
}
# Every claim that the verifier reads, and whether it must be there.
_REQUIRED: Final = {
    field.encode_name: field.required for field in msgspec.structs.fields(AccessToken)
}
_CLOCKS: Final = "Set both clocks right, the issuer's and this one's; see the clock line."


@dataclass(frozen=True)
class Expected:
    """What the claims are held against; `now` and `leeway` in seconds."""

    issuer: str
    audience: str
    now: float
    leeway: int


def type_steps(dissection: Dissection) -> Iterator[Step]:
    """Each claim that is there or must be, as far as its type goes."""
    refusal, advice = Refusal.MALFORMED_CLAIMS, "The issuer must mend its access tokens."
    yield Step("payload", "RFC 7515 §2", refusal, _payload, advice)
    yield Step("payload text", "RFC 8725 §3.7", refusal, _text, advice)
    yield Step("claims", "RFC 7519 §7.2", refusal, _claims, advice)
    for name in _REQUIRED:
        section = _SECTIONS.get(name, "RFC 9068 §2.2")
        if _is_worth_a_line(dissection, name):
            yield Step(f"claim {name}", section, refusal, partial(_claim_text, name), advice)


def _is_worth_a_line(dissection: Dissection, name: str) -> bool:
    """A claim that may be left out, and is, needs none."""
    try:
        return _REQUIRED[name] or name in dissection.claims
    except (ValueError, RecursionError):
        return _REQUIRED[name]


def _payload(dissection: Dissection) -> str:
    return f"base64url, {len(dissection.payload)} octets"


def _text(dissection: Dissection) -> str:
    """As the verifier: no NUL either, since no column can hold one."""
    if "\\u0000" in dissection.text:
        raise Wrong("a NUL within a string")
    return "UTF-8"


def _claims(dissection: Dissection) -> str:
    return cut(f"one JSON object: {', '.join(dissection.claims) or 'empty'}")


def _claim_text(name: str, dissection: Dissection) -> str:
    """Show a claim if its type is right."""
    raw = dissection.claims.get(name)
    said = "" if raw is None else cut(bytes(raw).decode("utf-8", "replace"))
    try:
        dissection.claim(name)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{said}: {error}" if said else str(error)) from error
    return said


def value_steps(expected: Expected) -> Iterator[Step]:
    """What the claims must say, in the verifier's order."""
    yield Step(
        "iss is ours",
        "RFC 9068 §4",
        Refusal.OTHER_ISSUER,
        partial(_iss, expected),
        "Use a token of this issuer, or set RESOURCE_ISSUER to exactly what iss says.",
    )
    yield Step(
        "aud names us",
        "RFC 9068 §4",
        Refusal.OTHER_AUDIENCE,
        partial(_aud, expected),
        "Ask the issuer for a token for this API (RFC 8707: resource), or set RESOURCE_AUDIENCE.",
    )
    yield Step(
        "cnf",
        "RFC 7800 §3.1",
        Refusal.BOUND_TO_A_KEY,
        _cnf,
        "The token is bound to a key, and this service takes bearer tokens only.",
    )
    yield Step(
        "exp",
        "RFC 7519 §4.1.4",
        Refusal.EXPIRED,
        partial(_exp, expected),
        "Get a new token: refresh, or log in again.",
    )
    for name, section, refusal in (
        ("iat", "RFC 7519 §4.1.6", Refusal.FROM_THE_FUTURE),
        ("nbf", "RFC 7519 §4.1.5", Refusal.NOT_YET_VALID),
    ):
        yield Step(name, section, refusal, partial(_begun, expected, name), _CLOCKS)


def _iss(expected: Expected, dissection: Dissection) -> str:
    said, wanted = dissection.claim("iss"), expected.issuer
    if said != wanted:
        raise Wrong(f"{shown(said)}, not {shown(wanted)}")
    return f"{shown(said)}, byte for byte"


def _aud(expected: Expected, dissection: Dissection) -> str:
    said, wanted = dissection.claim("aud"), expected.audience
    if said != wanted and (isinstance(said, str) or wanted not in said):
        raise Wrong(f"{shown(said)}, not {shown(wanted)}")
    return shown(wanted) if said == wanted else f"{shown(wanted)} is one of {len(said)}"


def _cnf(dissection: Dissection) -> str:
    said = dissection.claim("cnf")
    if said is not None:
        raise Wrong(f"{shown(said)}: bound to a key")
    return "none: a bearer token"


def _exp(expected: Expected, dissection: Dissection) -> str:
    exp = dissection.claim("exp")
    when = _when(exp, expected.now)
    if expected.now >= exp + expected.leeway:
        raise Wrong(f"{when}, more than the leeway of {expected.leeway} s")
    if expected.now >= exp:
        return f"{when}, within the leeway of {expected.leeway} s"
    return when


def _begun(expected: Expected, name: str, dissection: Dissection) -> str:
    date = dissection.claim(name)
    if date is None:
        return "none, and need not be there"
    when = _when(date, expected.now)
    if expected.now < date - expected.leeway:
        raise Wrong(f"{when}, more than the leeway of {expected.leeway} s")
    if expected.now < date:
        return f"{when}, within the leeway of {expected.leeway} s"
    return when


def _when(date: int, now: float) -> str:
    """Say when that is, and how far from now by our clock."""
    try:
        said = datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        said = str(date)
    seconds = round(date - now)
    if seconds == 0:
        return f"{said}: now"
    return f"{said}: in {seconds} s" if seconds > 0 else f"{said}: {-seconds} s ago"
