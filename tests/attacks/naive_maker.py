"""Naive verifiers for the world of the attacks."""

from pathlib import Path

from tests.attacks.attack import EVIL
from tests.attacks.flaws import Flaw
from tests.attacks.naive import Naive, NaiveVerifier
from tests.attacks.naive_signature import NaiveSignature
from tests.attacks.world import AUDIENCE, ISSUER, World


def naive_maker(world: World, folder: Path) -> Naive:
    """Return what makes a naive verifier; it keeps its files in `folder`."""

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
