"""Attacks by what the token says: every claim is an attacker's input (RFC 8725 §3.8 to §3.10)."""

from typing import Final

from tests.attacks.attack import OTHER_AUDIENCE, OTHER_ISSUER, TOO_LONG, dated, in_claims
from tests.attacks.flaws import Flaw
from tests.attacks.world import ABSENT, AUDIENCE, ISSUER

_NAMES: Final = ("iss", "sub", "client_id", "jti", "exp", "iat", "aud")
_WRONG: Final = [
    ("missing", ABSENT),
    ("null", None),
    ("an object", {}),
    ("a number in a list", [1]),
    ("false", False),
]
_NUMBERS: Final = [
    ("a string", "9999999999"),
    ("an empty string", ""),
    ("a fraction", 9999999999.5),
    ("a float", 1e12),
    ("true", True),
    ("10^400", 10**400),
    ("10^30", 10**30),
    ("negative", -1),
    ("an infinity", float("inf")),
    ("not a number", float("nan")),
]

CLAIM: Final = [
    *(
        in_claims(f"{name} {what}", Flaw.CLAIMS_OPTIONAL | Flaw.ANY_AUD, **{name: value})
        for name in _NAMES
        for what, value in _WRONG
    ),
    *(
        in_claims(f"{name} {what}", Flaw.CLAIMS_OPTIONAL | Flaw.LOOSE_TEXT, **{name: value})
        for name in ("exp", "iat", "nbf")
        for what, value in _NUMBERS
    ),
    *(
        in_claims(f"{name} empty", Flaw.CLAIMS_OPTIONAL, **{name: ""})
        for name in ("sub", "client_id", "jti")
    ),
    *(
        in_claims(f"{name} a number", Flaw.CLAIMS_OPTIONAL, **{name: 7})
        for name in ("iss", "sub", "client_id", "jti", "scope")
    ),
    in_claims("sub of 256 characters", Flaw.CLAIMS_OPTIONAL, sub="s" * 256),
    in_claims("scope a list", Flaw.CLAIMS_OPTIONAL, scope=["notes:read"]),
    in_claims("iss of another", Flaw.ANY_ISS, OTHER_ISSUER, iss="https://evil.example"),
    in_claims("iss empty", Flaw.ANY_ISS | Flaw.CLAIMS_OPTIONAL, OTHER_ISSUER, iss=""),
    in_claims("iss with a slash", Flaw.LOOSE_ISS, OTHER_ISSUER, iss=ISSUER + "/"),
    in_claims("iss in capitals", Flaw.LOOSE_ISS, OTHER_ISSUER, iss=ISSUER.upper()),
    in_claims("iss full-width", Flaw.LOOSE_ISS, OTHER_ISSUER, iss="https://\uff49ssuer.example"),
    in_claims("iss Cyrillic", Flaw.ANY_ISS, OTHER_ISSUER, iss="https://\u0456ssuer.example"),
    in_claims("iss in punycode", Flaw.ANY_ISS, OTHER_ISSUER, iss="https://xn--ssuer-n4e.example"),
    in_claims("iss and more", Flaw.ANY_ISS, OTHER_ISSUER, iss=ISSUER + ".evil.example"),
    in_claims("aud of another", Flaw.ANY_AUD, OTHER_AUDIENCE, aud="https://other.example"),
    in_claims("aud a list without us", Flaw.ANY_AUD, OTHER_AUDIENCE, aud=["https://other.example"]),
    in_claims("aud an empty list", Flaw.CLAIMS_OPTIONAL, OTHER_AUDIENCE, aud=[]),
    in_claims("aud empty", Flaw.CLAIMS_OPTIONAL, OTHER_AUDIENCE, aud=""),
    in_claims("aud nested", Flaw.AUD_BY_CONTAINMENT, aud=[[AUDIENCE]]),
    in_claims("aud an object with us", Flaw.AUD_BY_CONTAINMENT, aud={AUDIENCE: True}),
    in_claims("aud a list with a number", Flaw.AUD_BY_CONTAINMENT, aud=[AUDIENCE, 1]),
    in_claims("aud and more", Flaw.AUD_BY_CONTAINMENT, OTHER_AUDIENCE, aud=AUDIENCE + ".evil"),
    in_claims("aud two in one", Flaw.AUD_BY_CONTAINMENT, OTHER_AUDIENCE, aud=f"{AUDIENCE} other"),
    in_claims("aud with a slash", Flaw.AUD_BY_CONTAINMENT, OTHER_AUDIENCE, aud=AUDIENCE + "/"),
    in_claims("cnf", Flaw.BOUND_AS_BEARER, "the token is not a bearer token", cnf={"jkt": "x"}),
    dated("expired", Flaw.EXP_IGNORED, "the token has expired", exp=-31),
    in_claims("exp 0", Flaw.EXP_IGNORED, "the token has expired", exp=0),
    dated("iat ahead", Flaw.IAT_IGNORED, "the token was issued in the future", iat=60),
    dated("nbf ahead", Flaw.NBF_IGNORED, "the token is not valid yet", nbf=60),
    in_claims(
        "9 KB of claims",
        Flaw.UNBOUNDED,
        TOO_LONG,
        groups=[f"group-{number}" for number in range(700)],
    ),
]
