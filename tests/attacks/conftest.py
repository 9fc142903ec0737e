"""The verifier under attack, and the naive one that shows what each attack can do."""

import pytest

from shared.access_token import AccessTokenVerifier
from tests.attacks.naive import Naive
from tests.attacks.naive_maker import naive_maker
from tests.attacks.world import AUDIENCE, ISSUER, Keys, World, the_world


@pytest.fixture(scope="session")
def world() -> World:
    return the_world()


@pytest.fixture
def keys(world: World) -> Keys:
    """The issuer's present key, and no other."""
    return Keys(world.issuer.signing_key.verification_key())


@pytest.fixture
def verifier(keys: Keys, world: World) -> AccessTokenVerifier:
    return AccessTokenVerifier(keys, ISSUER, AUDIENCE, now=lambda: world.now)


@pytest.fixture(scope="session")
def naive(world: World, tmp_path_factory: pytest.TempPathFactory) -> Naive:
    """Make a naive verifier with these flaws."""
    return naive_maker(world, tmp_path_factory.mktemp("keys"))
