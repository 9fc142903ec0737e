"""The leeway, exactly (RFC 7519 §4.1.4 to §4.1.6): 30 s for clocks that differ, both ways."""

import pytest

from shared.access_token import AccessTokenVerifier
from tests.attacks.world import ABSENT, AUDIENCE, ISSUER, Keys, World, refusal

LIFETIME = 300

LEEWAY = [
    # our clock against the issuer's, in seconds; a token fresh from the issuer; one just expired
    pytest.param(-300, "the token was issued in the future", None, id="300 s behind"),
    pytest.param(-61, "the token was issued in the future", None, id="61 s behind"),
    pytest.param(-30.001, "the token was issued in the future", None, id="just over 30 s behind"),
    pytest.param(-30, None, None, id="30 s behind"),
    pytest.param(-5, None, None, id="5 s behind"),
    pytest.param(0, None, None, id="in step"),
    pytest.param(5, None, None, id="5 s ahead"),
    pytest.param(29.999, None, None, id="just under 30 s ahead"),
    pytest.param(30, None, "the token has expired", id="30 s ahead"),
    pytest.param(61, None, "the token has expired", id="61 s ahead"),
    pytest.param(300, None, "the token has expired", id="300 s ahead"),
]


def with_clock(world: World, keys: Keys, ahead: float) -> AccessTokenVerifier:
    return AccessTokenVerifier(keys, ISSUER, AUDIENCE, now=lambda: world.now + ahead)


@pytest.mark.parametrize(("ahead", "fresh", "expiring"), LEEWAY)
async def test_clocks_that_differ(
    world: World, keys: Keys, ahead: float, fresh: str | None, expiring: str | None
) -> None:
    """`iat` is now for the fresh token, `exp` is now for the one that expires."""
    new = world.token(claims=world.claims(iat=world.now, exp=world.now + 10**6))
    old = world.token(claims=world.claims(iat=world.now - LIFETIME, exp=world.now))
    verifier = with_clock(world, keys, ahead)
    assert await refusal(verifier, new) == fresh
    assert await refusal(verifier, old) == expiring


@pytest.mark.parametrize(("ahead", "fresh", "_expiring"), LEEWAY)
async def test_nbf_has_the_same_leeway_as_iat(
    world: World, keys: Keys, ahead: float, fresh: str | None, _expiring: str | None
) -> None:
    claims = world.claims(iat=world.now - LIFETIME, nbf=world.now, exp=world.now + 10**6)
    found = await refusal(with_clock(world, keys, ahead), world.token(claims=claims))
    assert found == (fresh and "the token is not valid yet")


@pytest.mark.parametrize("nbf", [None, ABSENT])
async def test_nbf_may_be_left_out(
    world: World, verifier: AccessTokenVerifier, nbf: object
) -> None:
    assert await refusal(verifier, world.token(claims=world.claims(nbf=nbf))) is None
