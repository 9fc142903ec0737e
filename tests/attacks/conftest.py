"""The verifier under attack, and the naive one that shows what each attack can do."""

from pathlib import Path

import pytest

from shared.access_token import AccessTokenVerifier
from tests.attacks.attack import EVIL
from tests.attacks.flaws import Flaw
from tests.attacks.naive import Naive, NaiveVerifier
from tests.attacks.naive_signature import NaiveSignature
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
    folder: Path = tmp_path_factory.mktemp("keys")

    def make(flaws: Flaw) -> NaiveVerifier:
        signature = NaiveSignature(
            flaws,
            jwks=[world.issuer.jwk],
            old_jwks=[world.retired.jwk],
            internet={EVIL: [world.attacker.jwk]},
            folder=folder,
        )
        return NaiveVerifier(
            flaws,
            signature=signature,
            decryption_key=world.resource.private,
            issuer=ISSUER,
            audience=AUDIENCE,
            now=world.now,
        )

    return make
