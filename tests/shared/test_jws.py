"""Base64url, signatures and keys, against the standards' own examples."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import jws
from shared.jws import KeyRefused, SigningKey, VerificationKey

VECTORS = Path(__file__).parent.parent / "vectors"


def vector(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    return SigningKey.generate()


def test_the_example_of_rfc_7515_verifies() -> None:
    example = vector("rfc7515_a2")
    key = VerificationKey.from_jwk(example["jwk"] | {"kid": "a2"})
    message, _, signature = example["jws"].encode().rpartition(b".")
    assert key.verify(message, jws.decode(signature))
    assert not key.verify(message + b"x", jws.decode(signature))
    assert json.loads(jws.decode(message.split(b".")[1]))["iss"] == "joe"


def test_the_thumbprint_of_rfc_7638_is_found() -> None:
    example = vector("rfc7638_3_1")
    assert jws.thumbprint(example["jwk"]) == example["thumbprint"]


def test_a_signature_is_what_cryptography_makes_of_the_same_key(signing_key: SigningKey) -> None:
    private = serialization.load_der_private_key(signing_key.to_der(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    token = signing_key.sign(b'{"sub":"s"}', typ="at+jwt").encode()
    message, _, signature = token.rpartition(b".")
    assert jws.decode(signature) == private.sign(message, padding.PKCS1v15(), hashes.SHA256())
    header, payload = map(jws.decode, message.split(b"."))
    assert json.loads(header) == {"alg": "RS256", "typ": "at+jwt", "kid": signing_key.kid}
    assert payload == b'{"sub":"s"}'
    assert signing_key.verification_key().verify(message, jws.decode(signature))


@pytest.mark.parametrize("signature", [b"", b"\0", bytes(256), b"x" * 255, b"x" * 257, b"x" * 6000])
def test_no_signature_however_long_is_an_exception(
    signing_key: SigningKey, signature: bytes
) -> None:
    assert not signing_key.verification_key().verify(b"message", signature)


def test_the_public_jwk_names_its_use_and_holds_nothing_private(signing_key: SigningKey) -> None:
    assert set(signing_key.public_jwk) == {"kty", "n", "e", "kid", "use", "alg"}
    assert signing_key.kid == jws.thumbprint(signing_key.public_jwk)
    assert VerificationKey.from_jwk(signing_key.public_jwk).kid == signing_key.kid


def test_no_key_shows_itself_in_a_log(signing_key: SigningKey) -> None:
    key = signing_key.verification_key()
    assert repr(key) == f"VerificationKey(kid={key.kid!r})"
    assert signing_key.public_jwk["n"] not in repr(signing_key)


def test_a_signing_key_comes_back_from_der(signing_key: SigningKey) -> None:
    again = SigningKey.from_der(signing_key.to_der())
    assert again.public_jwk == signing_key.public_jwk
    assert again.sign(b"{}", typ="JWT") == signing_key.sign(b"{}", typ="JWT")


def pkcs8(key: Any, password: bytes | None = None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    der: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, encryption
    )
    return der


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        pytest.param(lambda: b"", "not an unencrypted private key", id="nothing"),
        pytest.param(lambda: b"\x30\x03\x02\x01\x00", "not an unencrypted", id="other DER"),
        pytest.param(
            lambda: pkcs8(rsa.generate_private_key(65537, 2048), b"secret"),
            "not an unencrypted",
            id="encrypted",
        ),
        pytest.param(
            lambda: pkcs8(ec.generate_private_key(ec.SECP256R1())), "not an RSA key", id="EC"
        ),
        pytest.param(
            lambda: pkcs8(ed25519.Ed25519PrivateKey.generate()), "not an RSA key", id="Ed25519"
        ),
        pytest.param(
            lambda: pkcs8(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - the point
            "1024 bits",
            id="1024 bits",
        ),
        pytest.param(
            lambda: pkcs8(rsa.generate_private_key(3, 2048)), "public exponent", id="exponent 3"
        ),
    ],
)
def test_a_bad_signing_key_is_refused_when_it_is_read(make: Any, refusal: str) -> None:
    with pytest.raises(KeyRefused, match=refusal):
        SigningKey.from_der(make())


@given(st.binary(max_size=64))
@settings(deadline=None, database=None)
def test_decode_is_the_inverse_of_encode(octets: bytes) -> None:
    encoded = jws.encode(octets)
    if octets:
        assert jws.decode(encoded) == octets
    else:  # no part of a token is empty
        with pytest.raises(ValueError, match="base64url"):
            jws.decode(encoded)


@given(st.binary(max_size=12))
@settings(deadline=None, database=None)
def test_decode_accepts_nothing_that_encode_does_not_make(segment: bytes) -> None:
    assert_canonical(segment)


@pytest.mark.parametrize("rest", [b"", b"AA", b"AAA", b"AAAA"])
def test_decode_accepts_no_second_spelling_of_one_or_two_characters(rest: bytes) -> None:
    """All 65,792 pairs, at the end and at the beginning of what is decoded."""
    for length in (1, 2):
        for characters in itertools.product(range(256), repeat=length):
            assert_canonical(rest + bytes(characters))
            assert_canonical(bytes(characters) + rest)


def assert_canonical(segment: bytes) -> None:
    try:
        octets = jws.decode(segment)
    except ValueError:
        return
    assert jws.encode(octets) == segment
