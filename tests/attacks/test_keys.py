"""Keys that must not be used are refused when they are read (RFC 8725 §3.5, RFC 7518 §6.3).

Each is first seen to be taken by the naive verifier, where it is one that could be taken.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.jws import KeyRefused, VerificationKey
from tests.attacks.flaws import Flaw
from tests.attacks.naive_signature import RS256_PREFIX, NaiveSignature
from tests.attacks.world import ABSENT, World, text

Jwk = dict[str, Any]
NO_FLAW = Flaw(0)
VECTORS = Path(__file__).parent.parent / "vectors"


def public_jwk(n: int, e: int, /, **changes: Any) -> Jwk:
    jwk = {"kty": "RSA", "n": _integer(n), "e": _integer(e), "kid": "k", "alg": "RS256"}
    return {name: value for name, value in (jwk | changes).items() if value is not ABSENT}


def _integer(number: int, *, before: bytes = b"") -> str:
    return text(before + number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def naive_takes(jwk: Jwk, signature: bytes, flaws: Flaw = NO_FLAW) -> bool:
    naive = NaiveSignature(flaws, jwks=[jwk], old_jwks=[], internet={}, folder=Path())
    return naive.is_signed({"alg": "RS256", "kid": jwk.get("kid")}, b"message", signature)


def refusal(jwk: object) -> str | None:
    try:
        VerificationKey.from_jwk(jwk)
    except KeyRefused as error:
        return str(error)
    return None


def test_the_issuers_own_key_is_taken(world: World) -> None:
    assert refusal(world.issuer.jwk) is None


def test_a_key_of_1024_bits_is_refused() -> None:
    """They are factored by those who can pay for it."""
    private = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the point
    numbers = private.public_key().public_numbers()
    jwk = public_jwk(numbers.n, numbers.e)
    assert naive_takes(jwk, private.sign(b"message", padding.PKCS1v15(), hashes.SHA256()))
    assert refusal(jwk) == "modulus has 1024 bits"


def test_a_key_of_exponent_3_is_refused_since_its_signatures_can_be_forged_by_hand() -> None:
    """Bleichenbacher's forgery of 2006: a cube root, and no private key at all."""
    n = rsa.generate_private_key(3, 2048).public_key().public_numbers().n
    wanted = b"\0\1\xff\xff\xff\0" + RS256_PREFIX + hashlib.sha256(b"message").digest()
    root = _cube_root(int.from_bytes(wanted.ljust(256, b"\xff"), "big"))
    assert naive_takes(public_jwk(n, 3), root.to_bytes(256, "big"), Flaw.HOME_MADE_RSA)
    assert not naive_takes(public_jwk(n, 3), root.to_bytes(256, "big"))
    assert refusal(public_jwk(n, 3)) is not None


def _cube_root(number: int) -> int:
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


@pytest.mark.parametrize(
    "exponent",
    [0, 1, 2, 3, 17, 257, 65535, 65536, 65538, 2**64 + 1, pytest.param(2**2047 + 1, id="2^2047")],
)
def test_a_key_of_a_tiny_even_or_huge_exponent_is_refused(world: World, exponent: int) -> None:
    n = world.issuer.public.public_numbers().n
    jwk = public_jwk(n, exponent)
    assert refusal(jwk) in {
        "public exponent is even, below 65537 or above 64 bits",
        "e has a leading zero octet",  # nought has no other spelling
    }


def test_a_key_with_the_roca_fingerprint_is_refused() -> None:
    """CVE-2017-15361: the primes of such a modulus are found from the modulus alone."""
    jwk = json.loads((VECTORS / "roca.json").read_text())["jwk"]
    assert naive_takes(jwk, b"", Flaw.EMPTY_SIGNATURE)
    assert refusal(jwk) == "modulus has the ROCA fingerprint (CVE-2017-15361)"


def test_honest_keys_do_not_have_the_roca_fingerprint(world: World) -> None:
    for party in (world.issuer, world.attacker, world.retired, world.resource):
        assert refusal(party.jwk) is None
    for example in ("rfc7515_a2", "rfc7638_3_1"):
        jwk = json.loads((VECTORS / f"{example}.json").read_text())["jwk"]
        assert refusal(jwk | {"kid": "k"}) is None


NUMBERS = [
    pytest.param(
        lambda n: {"n": _integer(n, before=b"\0")}, "n has a leading zero", id="zero octet"
    ),
    pytest.param(lambda n: {"n": _integer(n) + "=="}, "n is missing or malformed", id="padded"),
    pytest.param(lambda n: {"n": _integer(n) + "\n"}, "n is missing or malformed", id="newline"),
    pytest.param(lambda _: {"e": "AAEAAQ"}, "e has a leading zero octet", id="e with a zero octet"),
    pytest.param(lambda _: {"e": "AQAB===="}, "e is missing or malformed", id="e padded"),
    pytest.param(lambda _: {"n": ABSENT}, "n is missing or malformed", id="n missing"),
    pytest.param(lambda _: {"e": ABSENT}, "e is missing or malformed", id="e missing"),
    pytest.param(lambda _: {"n": ""}, "n is missing or malformed", id="n empty"),
    pytest.param(lambda _: {"n": None}, "n is missing or malformed", id="n null"),
    pytest.param(lambda _: {"e": 65537}, "e is missing or malformed", id="e a number"),
    pytest.param(lambda _: {"n": ["x"]}, "n is missing or malformed", id="n a list"),
    pytest.param(lambda _: {"n": "\ud800"}, "n is missing or malformed", id="n a surrogate"),
    pytest.param(lambda n: {"n": _integer(n + 1)}, "modulus is even", id="n even"),
    pytest.param(lambda n: {"n": _integer(n << 6145 | 1)}, "modulus has 8193 bits", id="8193 bits"),
    pytest.param(lambda _: {"n": "_" * 1_000_000}, "modulus has 6000000 bits", id="1 MB"),
]


@pytest.mark.parametrize(("change", "expected"), NUMBERS)
def test_numbers_that_are_not_spelt_as_they_must_be_are_refused(
    world: World, change: Callable[[int], Jwk], expected: str
) -> None:
    """RFC 7518 §2: base64url of the fewest octets, and no padding."""
    numbers = world.issuer.public.public_numbers()
    found = refusal(public_jwk(numbers.n, numbers.e, **change(numbers.n)))
    assert found is not None
    assert found.startswith(expected)


PURPOSES = [
    pytest.param({"use": "enc"}, "use is not sig", id="for encryption"),
    pytest.param({"use": None}, "use is not sig", id="use null"),
    pytest.param({"use": ""}, "use is not sig", id="use empty"),
    pytest.param({"key_ops": ["encrypt"]}, "key_ops lacks verify", id="operations without verify"),
    pytest.param({"key_ops": []}, "key_ops lacks verify", id="no operations"),
    pytest.param({"key_ops": "verify"}, "key_ops lacks verify", id="operations a string"),
    pytest.param({"alg": "RS384"}, "alg is not RS256", id="RS384"),
    pytest.param({"alg": "PS256"}, "alg is not RS256", id="PS256"),
    pytest.param({"alg": "RSA-OAEP"}, "alg is not RS256", id="RSA-OAEP"),
    pytest.param({"alg": "none"}, "alg is not RS256", id="none"),
    pytest.param({"alg": None}, "alg is not RS256", id="alg null"),
    pytest.param({"alg": ["RS256"]}, "alg is not RS256", id="alg a list"),
    pytest.param({"kty": "EC"}, "kty is not RSA", id="EC"),
    pytest.param({"kty": "rsa"}, "kty is not RSA", id="small letters"),
    pytest.param({"kty": ABSENT}, "kty is not RSA", id="kty missing"),
    pytest.param({"kty": "oct", "k": "AAAA"}, "kty is not RSA", id="symmetric"),
    pytest.param({"k": "AAAA"}, "a private or symmetric key", id="symmetric in disguise"),
    pytest.param({"d": "AQ"}, "a private or symmetric key", id="private exponent"),
    pytest.param({"p": "AQ"}, "a private or symmetric key", id="a prime"),
    pytest.param({"oth": []}, "a private or symmetric key", id="more primes"),
    pytest.param({"kid": ABSENT}, "kid is missing or malformed", id="kid missing"),
    pytest.param({"kid": ""}, "kid is missing or malformed", id="kid empty"),
    pytest.param({"kid": 1}, "kid is missing or malformed", id="kid a number"),
    pytest.param({"kid": "k" * 129}, "kid is missing or malformed", id="kid too long"),
    pytest.param({"kid": "k\n"}, "kid is missing or malformed", id="kid with a newline"),
    pytest.param({"kid": "k k"}, "kid is missing or malformed", id="kid with a space"),
]


@pytest.mark.parametrize(("changes", "expected"), PURPOSES)
def test_a_key_for_something_else_is_refused(world: World, changes: Jwk, expected: str) -> None:
    numbers = world.issuer.public.public_numbers()
    jwk = public_jwk(numbers.n, numbers.e, **changes)
    if jwk.get("kid"):
        assert naive_takes(jwk, world.issuer.rs256(b"message"))
    found = refusal(jwk)
    assert found is not None
    assert found.startswith(expected)


@pytest.mark.parametrize("value", [None, [], "RSA", 1, True, [["kty", "RSA"]], {}])
def test_what_is_no_jwk_is_refused(value: object) -> None:
    assert refusal(value) is not None
