"""What can be wrong with an issuer's keys, and with its clock."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.jws import encode
from tests.resource_service.doctor.changes import (
    Change,
    Examine,
    answers,
    assert_first_wrong,
    wrong,
)
from tests.resource_service.doctor.pair import Pair, as_json, html, redirect


def first_key(**members: Any) -> Change:
    return lambda pair: pair.keys[0].update(members)


def private_key(pair: Pair) -> None:
    pair.keys[0]["d"] = "AQAB"


def duplicate_key(pair: Pair) -> None:
    pair.keys.append(dict(pair.keys[0]))


def small_key(pair: Pair) -> None:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505
    modulus = encode(numbers.n.to_bytes(128, "big")).decode()
    pair.keys.append({"kty": "RSA", "kid": "small", "n": modulus, "e": "AQAB"})


def clock(ahead: float) -> Change:
    return lambda pair: setattr(pair, "clock_ahead", ahead)


WRONG = [
    wrong("keys in HTML", answers("/keys", html()), "key set", "RFC 7517 §5"),
    wrong("keys elsewhere", answers("/keys", redirect("/x")), "key set", "RFC 7517 §5"),
    wrong("keys not in a list", answers("/keys", as_json({"keys": {}})), "keys", "RFC 7517 §5"),
    wrong("keys not objects", answers("/keys", as_json({"keys": ["x"]})), "keys", "RFC 7517 §5"),
    wrong("private key in the set", private_key, "public keys only", "RFC 7517 §9.2"),
    wrong(
        "symmetric key in the set",
        lambda pair: pair.keys.append({"kty": "oct", "kid": "k"}),
        "public keys only",
        "RFC 7517 §9.2",
    ),
    wrong("duplicate kid", duplicate_key, "a kid of its own for each", "RFC 7517 §4.5"),
    wrong(
        "no kid", lambda pair: pair.keys[0].pop("kid"), "a kid of its own for each", "RFC 7517 §4.5"
    ),
    wrong("kid not plain", first_key(kid="a b"), "a kid of its own for each", "RFC 7517 §4.5"),
    wrong("small key", small_key, "2048 bits or more", "RFC 7518 §3.3"),
    wrong("key for encryption", first_key(use="enc"), "use and alg", "RFC 7517 §4.2, §4.4"),
    wrong("key for PS256", first_key(alg="PS256"), "use and alg", "RFC 7517 §4.2, §4.4"),
    wrong("no usable key", lambda pair: pair.keys.clear(), "usable keys", "RFC 9068 §4"),
    wrong(
        "keys without a life",
        lambda pair: pair.key_set_headers.clear(),
        "cache life",
        "RFC 9111 §5.2.2.1",
    ),
    wrong(
        "keys not to be kept",
        lambda pair: pair.key_set_headers.update({"cache-control": "no-store"}),
        "cache life",
        "RFC 9111 §5.2.2.1",
    ),
    wrong(
        "keys for ever",
        lambda pair: pair.key_set_headers.update({"cache-control": "max-age=99999999"}),
        "cache life",
        "RFC 9111 §5.2.2.1",
    ),
    wrong("clock 5 minutes ahead", clock(300), "clock", "RFC 7519 §4.1.4"),
    wrong("clock 5 minutes behind", clock(-300), "clock", "RFC 7519 §4.1.4"),
]


@pytest.mark.parametrize(("change", "check", "section"), WRONG)
async def test_what_is_wrong_is_named_with_its_section(
    pair: Pair, examined: Examine, change: Change, check: str, section: str
) -> None:
    change(pair)
    await assert_first_wrong(examined, check, section)
