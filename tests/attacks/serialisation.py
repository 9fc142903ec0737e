"""Attacks by another spelling: of the JSON, of base64url, of the whole token (RFC 7515 §5.2)."""

import json
from collections.abc import Callable
from functools import partial
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.attacks.attack import (
    CLAIMS,
    MALFORMED,
    SIGNATURE,
    TOO_LONG,
    Attack,
    as_json,
    octets,
    respelt,
    with_member,
)
from tests.attacks.flaws import Flaw
from tests.attacks.world import World, text

TEXT: Final = [
    octets("header with a BOM", lambda w: b"\xef\xbb\xbf" + as_json(w.header()), of="header"),
    octets("header in UTF-16", lambda w: json.dumps(w.header()).encode("utf-16"), of="header"),
    octets("header in Latin-1", lambda w: with_member(w.header(), b'"x":"\xe9"'), of="header"),
    octets("header with NaN", lambda w: with_member(w.header(), b'"x":NaN'), of="header"),
    octets("claims with a BOM", lambda w: b"\xef\xbb\xbf" + as_json(w.claims()), of="claims"),
    octets("claims in UTF-16", lambda w: json.dumps(w.claims()).encode("utf-16"), of="claims"),
    octets("claims in UTF-32", lambda w: json.dumps(w.claims()).encode("utf-32"), of="claims"),
    octets("sub in Latin-1", lambda w: with_member(w.claims(), b'"sub":"\xe9"'), of="claims"),
    octets(
        "a claim we do not read in Latin-1",
        lambda w: with_member(w.claims(), b'"x":"\xe9"'),
        of="claims",
    ),
    octets("claims with NaN", lambda w: with_member(w.claims(), b'"x":NaN'), of="claims"),
    octets("a lone surrogate", lambda w: as_json(w.claims(sub="\ud800")), of="claims"),
    octets("a NUL in sub", lambda w: as_json(w.claims(sub="a\0b")), of="claims"),
    Attack(
        "deep nesting in the header",
        Flaw.CRASHES,
        MALFORMED,
        lambda world: world.token(with_member(world.header(), b'"x":' + b"[" * 2500 + b"]" * 2500)),
        naive="crashed",
    ),
    Attack(
        "deep nesting in the claims",
        Flaw.CRASHES,
        CLAIMS,
        lambda world: world.token(
            claims=with_member(world.claims(), b'"x":' + b"[" * 2000 + b"]" * 2000)
        ),
        naive="crashed",
    ),
    Attack(
        "nesting of 100,000 in the header",
        Flaw.CRASHES | Flaw.UNBOUNDED,
        TOO_LONG,
        lambda world: world.token(b"[" * 100_000 + b"]" * 100_000),
        naive="crashed",
    ),
    Attack(
        "nesting of 100,000 in the claims",
        Flaw.CRASHES | Flaw.UNBOUNDED,
        TOO_LONG,
        lambda world: world.token(claims=b"[" * 100_000 + b"]" * 100_000),
        naive="crashed",
    ),
    *(
        Attack(
            f"header is {what}",
            Flaw.CRASHES,
            MALFORMED,
            partial(lambda header, world: world.token(header), header),
            naive="crashed",
        )
        for what, header in (("an array", b"[]"), ("a string", b'"x"'), ("null", b"null"))
    ),
    *(
        Attack(
            f"payload is {what}",
            Flaw.CLAIMS_OPTIONAL,
            CLAIMS,
            partial(lambda payload, world: world.token(claims=payload), payload),
        )
        for what, payload in (
            ("an array", b"[]"),
            ("a string", b'"x"'),
            ("null", b"null"),
            ("a number", b"1"),
            ("an empty object", b"{}"),
        )
    ),
]


def _flattened(world: World) -> str:
    protected, payload, signature = world.token().split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


def _general(world: World) -> str:
    protected, payload, signature = world.token().split(".")
    signatures = [{"protected": protected, "signature": signature}]
    return json.dumps({"payload": payload, "signatures": signatures})


def _jwe(world: World) -> str:
    """Encrypted for the resource by anybody: its encryption key is public (RFC 7516)."""
    protected = text(as_json({"alg": "RSA-OAEP-256", "enc": "A256GCM", "typ": "at+jwt"}))
    content_key, iv = bytes(32), bytes(12)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    key = world.resource.public.encrypt(content_key, oaep)
    sealed = AESGCM(content_key).encrypt(iv, as_json(world.claims()), protected.encode())
    parts = (key, iv, sealed[:-16], sealed[-16:])
    return ".".join([protected, *map(text, parts)])


def _standard_alphabet(world: World) -> str:
    """The same signature in base64 instead of base64url (RFC 4648 §4)."""
    tokens = (world.token(claims=world.claims(jti=str(number))) for number in range(1000))
    token = next(token for token in tokens if {"-", "_"} & set(token.rpartition(".")[2]))
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{signature.replace('-', '+').replace('_', '/')}"


def _spare_bits(token: str) -> str:
    """The last character holds two bits of 256 octets, and four that say nothing."""
    spellings = {"A": "B", "Q": "R", "g": "h", "w": "x"}
    return token[:-1] + spellings[token[-1]]


def _payload(world: World, respell: Callable[[str], str]) -> str:
    """A payload in another spelling, and signed so."""
    claims = as_json(world.claims())
    claims += b" " * ((1 - len(claims)) % 3)  # so that four bits are left over
    message = respell(world.message(claims=claims))
    return f"{message}.{text(world.issuer.rs256(message.encode()))}"


def _with_signature(change: Callable[[World, bytes], bytes]) -> Callable[[World], str]:
    return lambda world: world.token(
        sign=lambda message: change(world, world.issuer.rs256(message))
    )


def _plus_modulus(world: World, signature: bytes) -> bytes:
    modulus = world.issuer.public.public_numbers().n
    return (int.from_bytes(signature, "big") + modulus).to_bytes(257, "big")


def _full_width_digits(token: str) -> str:
    """Digits that look-alike folding and `str.isdigit` take for digits."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{signature.translate({ord('0') + d: 0xFF10 + d for d in range(10)})}"


SERIALISATION: Final = [
    Attack("JWS JSON serialisation, flattened", Flaw.JSON_SERIALISATION, MALFORMED, _flattened),
    Attack("JWS JSON serialisation, general", Flaw.JSON_SERIALISATION, MALFORMED, _general),
    Attack("JWE", Flaw.JWE_TRUSTED, MALFORMED, _jwe),
    respelt("4 parts", Flaw.EXTRA_PARTS, lambda token: token + ".x"),
    respelt("5 parts", Flaw.EXTRA_PARTS, lambda token: token + "..x"),
    respelt("6 parts", Flaw.EXTRA_PARTS, lambda token: token + "..x."),
    respelt("a dot after", Flaw.EXTRA_PARTS, lambda token: token + "."),
    respelt("signature padded", Flaw.LOOSE_BASE64, lambda token: token + "=="),
    respelt("spare bits set in the signature", Flaw.LOOSE_BASE64, _spare_bits),
    Attack("signature in base64", Flaw.LOOSE_BASE64, MALFORMED, _standard_alphabet),
    Attack(
        "spare bits set in the payload",
        Flaw.LOOSE_BASE64,
        CLAIMS,
        partial(_payload, respell=_spare_bits),
    ),
    Attack(
        "payload padded",
        Flaw.LOOSE_BASE64,
        CLAIMS,
        partial(_payload, respell=lambda message: message + "=="),
    ),
    respelt("a foreign character within", Flaw.LOOSE_BASE64, lambda t: t[:-9] + "!" + t[-9:]),
    respelt("a JSON escape within", Flaw.LOOSE_BASE64, lambda t: t[:-9] + "\\" + t[-9:]),
    respelt("a quote after", Flaw.LOOSE_BASE64, lambda token: token + '"'),
    respelt("space before", Flaw.TIDIES_INPUT, lambda token: " " + token),
    respelt("newline after", Flaw.TIDIES_INPUT, lambda token: token + "\n"),
    respelt("tab within", Flaw.TIDIES_INPUT, lambda token: token[:-9] + "\t" + token[-9:]),
    respelt("a BOM before", Flaw.TIDIES_INPUT, lambda token: "\ufeff" + token),
    respelt("full-width digits", Flaw.TIDIES_INPUT, _full_width_digits),
    respelt("full-width dots", Flaw.TIDIES_INPUT, lambda token: token.replace(".", "\uff0e")),
    Attack(
        "a lone surrogate within",
        Flaw.CRASHES,
        MALFORMED,
        lambda world: world.token() + "\ud800",
        naive="crashed",
    ),
    Attack(
        "signature stripped", Flaw.EMPTY_SIGNATURE, MALFORMED, lambda world: world.message() + "."
    ),
    Attack(
        "signature truncated",
        Flaw.SIGNATURE_IGNORED,
        SIGNATURE,
        _with_signature(lambda _, signature: signature[:-1]),
    ),
    Attack(
        "signature of zeros",
        Flaw.SIGNATURE_IGNORED,
        SIGNATURE,
        _with_signature(lambda _, signature: bytes(len(signature))),
    ),
    Attack(
        "signature with more after it",
        Flaw.SIGNATURE_IGNORED,
        SIGNATURE,
        _with_signature(lambda _, signature: signature + b"\0"),
    ),
    Attack(
        "signature with zeros before it",
        Flaw.HOME_MADE_RSA,
        SIGNATURE,
        _with_signature(lambda _, signature: b"\0" + signature),
    ),
    Attack(
        "signature plus the modulus", Flaw.HOME_MADE_RSA, SIGNATURE, _with_signature(_plus_modulus)
    ),
    Attack(
        "signature of 5 KB",
        Flaw.SIGNATURE_IGNORED,
        SIGNATURE,
        _with_signature(lambda _, signature: signature * 20),
    ),
    Attack(
        "claims changed after signing",
        Flaw.SIGNATURE_IGNORED,
        SIGNATURE,
        lambda world: (
            world.message(claims=world.claims(scope="admin"))
            + "."
            + world.token().rpartition(".")[2]
        ),
    ),
    Attack("empty", Flaw.CRASHES | Flaw.EXTRA_PARTS, MALFORMED, lambda _: "", naive="crashed"),
    Attack("dots", Flaw.CRASHES | Flaw.LOOSE_BASE64, MALFORMED, lambda _: "..", naive="crashed"),
]
