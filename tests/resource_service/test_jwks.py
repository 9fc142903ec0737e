"""Reading a key set: which keys are used, and when the whole is refused."""

import json
from typing import Any

import pytest

from shared.jwks import KeySetRefused, read_key_set
from shared.jws import SigningKey
from tests.resource_service.issuer import jwk_set

BAD_KEYS: dict[str, Any] = {
    "a symmetric key": {"kty": "oct", "k": "c2VjcmV0", "kid": "bad"},
    "another type": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "bad"},
    "no type": {"kid": "bad"},
    "no object": "bad",
    "null": None,
    "a number": 10**400,
    "without n": {"kty": "RSA", "e": "AQAB", "kid": "bad"},
    "an empty n": {"kty": "RSA", "n": "", "e": "AQAB", "kid": "bad"},
    "a short n": {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "bad"},
    "an absurd n": {"kty": "RSA", "n": "A" * 100_000, "e": "AQAB", "kid": "bad"},
}


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS)
def test_one_bad_key_does_not_lose_the_good_ones(
    signing_key: SigningKey, other_key: SigningKey, bad: Any
) -> None:
    members = read_key_set(jwk_set(signing_key.public_jwk, bad, other_key.public_jwk))
    assert members.keys() == {signing_key.kid, other_key.kid}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"kid": None}, id="no kid"),
        pytest.param({"kid": ""}, id="an empty kid"),
        pytest.param({"kid": "x" * 129}, id="a long kid"),
        pytest.param({"kid": "a\nb"}, id="a line break in the kid"),
        pytest.param({"use": "enc"}, id="for encryption"),
        pytest.param({"key_ops": ["sign"]}, id="not for verifying"),
        pytest.param({"alg": "RS512"}, id="for another algorithm"),
        pytest.param({"e": "AQ"}, id="exponent 1"),
        pytest.param({"d": "AQAB"}, id="private"),
    ],
)
def test_does_not_use_a_key_that_is(
    signing_key: SigningKey, other_key: SigningKey, change: dict[str, Any]
) -> None:
    bad = signing_key.public_jwk | change
    members = read_key_set(jwk_set(bad, other_key.public_jwk))
    assert members.keys() == {other_key.kid}


def test_of_two_keys_with_one_kid_neither_is_used(
    signing_key: SigningKey, other_key: SigningKey
) -> None:
    imposter = {**other_key.public_jwk, "kid": signing_key.kid}
    for keys in (
        (signing_key.public_jwk, imposter, other_key.public_jwk),
        (imposter, signing_key.public_jwk, other_key.public_jwk, signing_key.public_jwk),
    ):
        assert read_key_set(jwk_set(*keys)).keys() == {other_key.kid}


def test_the_same_key_twice_is_one_key(signing_key: SigningKey) -> None:
    twice = jwk_set(signing_key.public_jwk, {**signing_key.public_jwk, "x5t": "ignored"})
    assert read_key_set(twice).keys() == {signing_key.kid}


def test_a_key_of_another_type_with_the_same_kid_does_no_harm(signing_key: SigningKey) -> None:
    elliptic = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": signing_key.kid}
    assert read_key_set(jwk_set(elliptic, signing_key.public_jwk)).keys() == {signing_key.kid}


def test_up_to_32_keys_are_read(signing_key: SigningKey) -> None:
    filler = {"kty": "oct"}
    assert read_key_set(jwk_set(signing_key.public_jwk, *[filler] * 31))
    with pytest.raises(KeySetRefused, match="32 keys"):
        read_key_set(jwk_set(signing_key.public_jwk, *[filler] * 32))


def test_up_to_256_kib_are_read(signing_key: SigningKey) -> None:
    document = jwk_set(signing_key.public_jwk)
    assert read_key_set(document.ljust(256 * 1024))
    with pytest.raises(KeySetRefused, match="longer"):
        read_key_set(document.ljust(256 * 1024 + 1))


def test_members_that_nobody_knows_are_ignored(signing_key: SigningKey) -> None:
    document = json.dumps({"keys": [signing_key.public_jwk], "next": "https://evil.example"})
    assert read_key_set(document.encode()).keys() == {signing_key.kid}
