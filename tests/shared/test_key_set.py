"""Keys at hand: which are trusted, and what those see who hold on to one."""

import math

import pytest

from shared.jws import SigningKey, VerificationKey
from shared.key_set import KeySet


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def public() -> dict[str, str]:
    return SigningKey.generate().public_jwk


def named(public: dict[str, str], kid: str) -> VerificationKey:
    return VerificationKey.from_jwk(public | {"kid": kid})


async def test_what_it_was_given_is_good_for_ever(public: dict[str, str]) -> None:
    key = named(public, "a")
    keys = KeySet(key)
    assert keys.kids == ("a",)
    assert keys.trusted("a") is key
    assert await keys.key("a") is key
    assert keys.trusted("b") is None
    assert key.usable_until == math.inf


def test_a_key_is_good_until_then_and_not_at_that_moment(public: dict[str, str]) -> None:
    clock = Clock()
    keys = KeySet(monotonic=clock)
    key = named(public, "a")
    keys.use([key], until=1010)
    assert keys.trusted("a") is key
    clock.now = 1010
    assert keys.trusted("a") is None
    assert keys.kids == ("a",)  # at hand it is


def test_who_holds_on_to_a_key_sees_that_it_was_withdrawn(public: dict[str, str]) -> None:
    keys = KeySet()
    stays, goes = named(public, "stays"), named(public, "goes")
    keys.use([stays, goes], until=1010)
    keys.use([stays], until=1020)
    assert (stays.usable_until, goes.usable_until) == (1020, -math.inf)
    assert keys.trusted("goes") is None


def test_another_key_under_the_same_name_withdraws_the_old_one(public: dict[str, str]) -> None:
    old, new = named(public, "a"), named(public, "a")
    keys = KeySet(old)
    keys.use([new])
    assert keys.trusted("a") is new
    assert old.usable_until == -math.inf


def test_without_keys_all_are_withdrawn(public: dict[str, str]) -> None:
    key = named(public, "a")
    keys = KeySet(key)
    keys.use([])
    assert key.usable_until == -math.inf
    assert keys.kids == ()
