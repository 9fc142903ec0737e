"""Attacks by the JOSE header: its algorithm, its key, its type, its extensions (RFC 8725 §3)."""

import json
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

from tests.attacks.attack import (
    EVIL,
    MALFORMED,
    SIGNATURE,
    TOO_LONG,
    UNKNOWN_KEY,
    Attack,
    in_header,
    unsigned,
    with_member,
)
from tests.attacks.flaws import Flaw
from tests.attacks.naive_signature import ALGORITHMS
from tests.attacks.world import ABSENT, World


def _hs256(world: World, secret: bytes, **changes: Any) -> str:
    def sign(message: bytes) -> bytes:
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(message)
        return mac.finalize()

    return world.token(world.header(alg="HS256", **changes), sign=sign)


def _by_attacker(world: World, **changes: Any) -> str:
    return world.token(world.header(**changes), sign=world.attacker.rs256)


def _by_issuer(
    world: World, alg: str, padding: AsymmetricPadding, algorithm: hashes.HashAlgorithm
) -> str:
    """A true signature, though of another kind, by the issuer's own key."""
    return world.token(
        world.header(alg=alg),
        sign=lambda message: world.issuer.private.sign(message, padding, algorithm),
    )


ALGORITHM: Final = [
    *(
        Attack(f"alg {alg}", Flaw.ALG_NONE, MALFORMED, partial(unsigned, alg=alg))
        for alg in ("none", "None", "NONE", "nOnE", "noNE")
    ),
    Attack(
        "alg none, signature stripped to nothing",
        Flaw.ALG_NONE | Flaw.EXTRA_PARTS | Flaw.EMPTY_SIGNATURE,
        MALFORMED,
        lambda world: world.message(world.header(alg="none")),
    ),
    Attack(
        "HS256 with the public key's PEM",
        Flaw.HMAC_WITH_PUBLIC_KEY,
        MALFORMED,
        lambda world: _hs256(world, world.issuer.pem),
    ),
    Attack(
        "HS256 with the public key's JWK",
        Flaw.HMAC_WITH_PUBLIC_KEY,
        MALFORMED,
        lambda world: _hs256(world, json.dumps(world.issuer.jwk).encode()),
    ),
    *(
        Attack(
            f"{alg} by the same key",
            Flaw.ALG_FROM_HEADER,
            MALFORMED,
            partial(_by_issuer, alg=alg, padding=padding, algorithm=algorithm),
        )
        for alg, (padding, algorithm) in ALGORITHMS.items()
        if alg != "RS256"
    ),
    in_header("alg rs256", Flaw.ALG_FROM_HEADER, alg="rs256"),
    in_header("alg is an array", Flaw.ALG_BY_CONTAINMENT, alg=["RS256"]),
    in_header("alg is an array with none", Flaw.ALG_BY_CONTAINMENT, alg=["none", "RS256"]),
    in_header("alg with a NUL", Flaw.ALG_BY_CONTAINMENT, alg="RS256\0"),
    *(
        Attack(
            f"alg {what}",
            Flaw.CRASHES | Flaw.ALG_BY_CONTAINMENT,
            MALFORMED,
            partial(lambda alg, world: world.token(world.header(alg=alg)), alg),
            naive="crashed",
        )
        for what, alg in (("missing", ABSENT), ("null", None), ("a number", 256))
    ),
]

KEY: Final = [
    Attack(
        "jwk in the header",
        Flaw.KEY_FROM_TOKEN,
        SIGNATURE,
        lambda world: _by_attacker(world, jwk=world.attacker.jwk),
    ),
    Attack(
        "x5c in the header",
        Flaw.KEY_FROM_TOKEN,
        SIGNATURE,
        lambda world: _by_attacker(world, x5c=[world.attacker.certificate]),
    ),
    Attack("jku", Flaw.KEY_FROM_TOKEN, SIGNATURE, partial(_by_attacker, jku=EVIL)),
    Attack("x5u", Flaw.KEY_FROM_TOKEN, SIGNATURE, partial(_by_attacker, x5u=EVIL)),
    Attack(
        "jwk in the header, kid of the attacker's",
        Flaw.KEY_FROM_TOKEN,
        UNKNOWN_KEY,
        lambda world: _by_attacker(world, jwk=world.attacker.jwk, kid=world.attacker.kid),
    ),
    Attack(
        "kid is a path",
        Flaw.KID_AS_PATH | Flaw.HMAC_WITH_PUBLIC_KEY,
        MALFORMED,
        partial(_hs256, secret=b"", kid="../" * 20 + "dev/null"),
    ),
    Attack(
        "kid is SQL",
        Flaw.KID_AS_SQL,
        MALFORMED,
        lambda world: _by_attacker(
            world, kid=f"' UNION SELECT '{json.dumps(world.attacker.jwk)}' --"
        ),
    ),
    Attack(
        "kid with a NUL",
        Flaw.KID_AS_PATH | Flaw.HMAC_WITH_PUBLIC_KEY | Flaw.CRASHES,
        MALFORMED,
        partial(_hs256, secret=b"", kid="../dev/null\0.pem"),
        naive="crashed",
    ),
    in_header("kid of 10 KB", Flaw.KID_IGNORED | Flaw.UNBOUNDED, TOO_LONG, kid="k" * 10_000),
    in_header("kid of 129 characters", Flaw.KID_IGNORED, kid="k" * 129),
    in_header("kid unknown", Flaw.KID_IGNORED, UNKNOWN_KEY, kid="k"),
    in_header("kid missing", Flaw.KID_IGNORED, kid=ABSENT),
    in_header("kid empty", Flaw.KID_IGNORED, kid=""),
    in_header("kid null", Flaw.KID_IGNORED, kid=None),
    in_header("kid a number", Flaw.KID_IGNORED, kid=1),
    in_header("kid a list", Flaw.KID_IGNORED, kid=["k"]),
    in_header("kid an object", Flaw.KID_IGNORED, kid={"k": "k"}),
    in_header("kid not ASCII", Flaw.KID_IGNORED, kid="kéy"),
    in_header("kid with a newline", Flaw.KID_IGNORED, kid="k\n"),
    Attack(
        "signed by a retired and removed key",
        Flaw.KEYS_NEVER_FORGOTTEN,
        UNKNOWN_KEY,
        lambda world: world.token(world.header(kid=world.retired.kid), sign=world.retired.rs256),
    ),
    Attack(
        "signed by another issuer's key under the same kid",
        Flaw.KEYS_NEVER_FORGOTTEN,
        SIGNATURE,
        lambda world: world.token(sign=world.retired.rs256),
    ),
]


HEADER: Final = [
    *(
        in_header(f"typ {typ}", Flaw.ANY_TYP, typ=typ)
        for typ in (
            "JWT",  # an ID token (OIDC Core §2)
            "logout+jwt",
            "statuslist+jwt",
            "secevent+jwt",
            "dpop+jwt",
            "token-introspection+jwt",
            "at+jwt ",
            "at+jwt; charset=utf-8",
            "application/application/at+jwt",
            "",
        )
    ),
    in_header("typ missing", Flaw.ANY_TYP, typ=ABSENT),
    in_header("typ null", Flaw.ANY_TYP, typ=None),
    in_header("typ a list", Flaw.ANY_TYP, typ=["at+jwt"]),
    in_header("crit unknown", Flaw.CRIT_IGNORED, crit=["https://ext.example"]),
    in_header("crit empty", Flaw.CRIT_IGNORED, crit=[]),
    in_header("crit exp", Flaw.CRIT_IGNORED, crit=["exp"], exp=1),
    in_header("b64 false (RFC 7797)", Flaw.CRIT_IGNORED, crit=["b64"], b64=False),
    in_header("b64 without crit", Flaw.CRIT_IGNORED, b64=False),
    in_header("zip", Flaw.CRIT_IGNORED, zip="DEF"),
    in_header("enc beside alg", Flaw.CRIT_IGNORED, enc="A256GCM"),
    Attack(
        "a nested JWT that nobody signed",
        Flaw.NESTED_UNCHECKED,
        MALFORMED,
        lambda world: world.token(world.header(cty="JWT"), unsigned(world, alg="none").encode()),
    ),
    Attack(
        "alg twice",
        Flaw.REPEATS,
        MALFORMED,
        lambda world: world.token(
            b'{"alg":"none",' + json.dumps(world.header()).encode().lstrip(b"{")
        ),
    ),
    Attack(
        "a member repeated inside a member",
        Flaw.REPEATS,
        MALFORMED,
        lambda world: world.token(with_member(world.header(), b'"x":{"a":1,"a":2}')),
    ),
]
