"""`jwt`: header, payload, signature of a real token; and everything that can be done to it."""

import hmac
import json
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import msgspec

from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory
from shared import jws
from shared.access_token import TYPE, AccessTokenVerifier
from shared.errors import InvalidToken
from shared.jws import SigningKey, VerificationKey
from shared.key_set import KeySet

_SHOWN: Final = ("iss", "sub", "aud", "scope", "exp")


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Read a token as anybody can, and try every mutation on the real verifier."""
    [person] = await lab.people(1)
    header, payload, signature = person.token.split(".")
    claims, shown = _json(payload), _json(header)
    shown["kid"] = f"{shown['kid'][:8]}…"
    sheet.title("A token of the issuer, read without any key")
    sheet.line(f"  header     {json.dumps(shown, ensure_ascii=False)}")
    for name in _SHOWN:
        value = claims["exp"] - claims["iat"] if name == "exp" else claims[name]
        sheet.line(f"  {name:<10} {f'{value} s after iat' if name == 'exp' else value}")
    sheet.line(f"  signature  {len(jws.decode(signature.encode()))} octets, RS256")
    sheet.say("It is signed, not encrypted: never put a secret into it.")
    await _mutate(sheet, lab, person.token)


async def _mutate(sheet: Sheet, lab: Laboratory, token: str) -> None:
    verifier = AccessTokenVerifier(await real_keys(lab), lab.stack.auth_url, lab.stack.api_url)
    sheet.title("The token bench: what the verifier says")
    rows = []
    for name, tokens in (
        ("as it is", [token]),
        ("each bit flipped, one at a time", list(_flipped(token))),
        ("each character dropped", [token[:n] + token[n + 1 :] for n in range(len(token))]),
        ("scope raised to admin", [_with(token, claims={"scope": "admin"})]),
        ("exp moved by a year", [_with(token, claims={"exp": int(time.time()) + 31_536_000})]),
        (
            'alg: "none", no signature',
            [_with(token, header={"alg": "none"}).rpartition(".")[0] + "."],
        ),
        ("alg: HS256, public key as secret", [await _hmac(lab, token)]),
        ("signed anew by somebody else", [_forged(token)]),
    ):
        accepted = sum([await _accepts(verifier, one) for one in tokens])
        rows.append((name, len(tokens), accepted))
    sheet.table(("mutation", "tried", "accepted"), rows)
    sheet.say(
        "HS256 would not help: it encrypts nothing either, and has no private key. Whoever can"
        " check an HMAC can make one."
    )


async def real_keys(lab: Laboratory) -> KeySet:
    """Return the issuer's key that signs at present, as everybody can fetch it."""
    [person] = await lab.people(1)
    document = await _jwks(lab)
    kid = _json(person.token.split(".")[0])["kid"]
    [jwk] = [jwk for jwk in document["keys"] if jwk["kid"] == kid]
    return KeySet(VerificationKey.from_jwk(jwk))


async def _jwks(lab: Laboratory) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{lab.stack.auth_url}/.well-known/jwks.json")
    document: dict[str, Any] = answer.json()
    return document


async def _accepts(verifier: AccessTokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except InvalidToken:
        return False
    return True


def _flipped(token: str) -> Iterator[str]:
    """Yield the token with each bit of its three parts' octets flipped."""
    parts = [jws.decode(part.encode()) for part in token.split(".")]
    for at, part in enumerate(parts):
        for bit in range(len(part) * 8):
            octets = bytearray(part)
            octets[bit // 8] ^= 1 << bit % 8
            changed = [*parts[:at], bytes(octets), *parts[at + 1 :]]
            yield b".".join(jws.encode(one) for one in changed).decode()


def _with(
    token: str,
    *,
    header: dict[str, object] | None = None,
    claims: dict[str, object] | None = None,
) -> str:
    """Return the token with other members, under its old signature."""
    old_header, old_payload, signature = token.split(".")
    parts = (_json(old_header) | (header or {}), _json(old_payload) | (claims or {}))
    encoded = [jws.encode(msgspec.json.encode(part)).decode() for part in parts]
    return ".".join([*encoded, signature])


async def _hmac(lab: Laboratory, token: str) -> str:
    """Sign with the public key as if it were a shared secret (RFC 8725 §2.1)."""
    unsigned = _with(token, header={"alg": "HS256"}).rpartition(".")[0].encode()
    key = msgspec.json.encode((await _jwks(lab))["keys"][0])
    return b".".join([unsigned, jws.encode(hmac.digest(key, unsigned, "sha256"))]).decode()


def _forged(token: str) -> str:
    payload = jws.decode(token.split(".")[1].encode())
    return SigningKey.generate().sign(payload, typ=TYPE)


def _json(segment: str) -> dict[str, Any]:
    return msgspec.json.decode(jws.decode(segment.encode()), type=dict[str, Any])


EXHIBIT: Final = Exhibit("A token: header, payload, signature, and the token bench", run)
