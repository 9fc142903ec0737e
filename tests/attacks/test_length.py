"""Long tokens are refused by their length, before anything is read (CVE-2025-61920)."""

import time

import pytest

from shared.access_token import MAXIMUM_LENGTH, AccessTokenVerifier
from tests.attacks.attack import MALFORMED, TOO_LONG
from tests.attacks.flaws import Flaw
from tests.attacks.naive import Naive
from tests.attacks.world import World, refusal, text


def token_of_length(world: World, length: int) -> str:
    """A good token of exactly this length, by a claim that we do not read."""
    token = ""
    for filling in range((length - len(world.token())) * 3 // 4 - 20, length):
        token = world.token(claims=world.claims(x="x" * filling))
        if len(token) >= length:
            break
    assert len(token) == length
    return token


async def test_8192_characters_are_accepted_and_not_one_more(
    world: World, verifier: AccessTokenVerifier, naive: Naive
) -> None:
    assert await refusal(verifier, token_of_length(world, MAXIMUM_LENGTH)) is None
    too_long = token_of_length(world, MAXIMUM_LENGTH + 2)  # base64url has no length 4n + 1
    assert naive(Flaw.UNBOUNDED).verify(too_long)
    for one in (too_long, token_of_length(world, MAXIMUM_LENGTH) + "A"):
        assert await refusal(verifier, one) == TOO_LONG


@pytest.mark.parametrize("make", ["dots", "one part", "header"])
async def test_100_mb_are_refused_without_being_read(
    world: World, verifier: AccessTokenVerifier, make: str
) -> None:
    token = {
        "dots": lambda: "." * 10**8,
        "one part": lambda: "A" * 10**8,
        "header": lambda: "A" * 10**8 + world.token(),
    }[make]()
    started = time.process_time()
    assert await refusal(verifier, token) == TOO_LONG
    assert time.process_time() - started < 0.01  # to hash it takes longer, let alone to read it


async def test_the_worst_that_fits_costs_little(verifier: AccessTokenVerifier) -> None:
    """Headers of 6,000 octets that are slow to parse; each 100 of them in less than a second."""
    room = MAXIMUM_LENGTH * 3 // 4 - 400
    hostile = [
        b'{"x":' + b"9" * 4000 + b"}",  # turned into an int
        b'{"x":' + b"9" * room + b"}",
        b"{" + b",".join(b'"%d":0' % n for n in range(room // 9)) + b"}",
        b'{"x":"' + rb"\ud83d" * (room // 6) + b'"}',
        b'{"a":' * (room // 6) + b"0" + b"}" * (room // 6),
        b'{"x":0.' + b"1" * room + b"e-9}",
    ]
    for header in hostile:
        token = f"{text(header)}.e30.AAAA"
        assert len(token) <= MAXIMUM_LENGTH
        started = time.process_time()
        for _ in range(100):
            assert await refusal(verifier, token) == MALFORMED
        assert time.process_time() - started < 1
