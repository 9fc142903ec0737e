"""A key that the issuer has withdrawn: forgotten with every token under it, within max-age."""

import pytest

from resource_service.remote_key_set import RemoteKeySet
from shared.access_token import AccessTokenVerifier
from shared.errors import InvalidToken
from shared.jws import SigningKey
from tests.resource_service.clock import Clock
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer, Sign


async def test_a_token_seen_before_is_refused_within_max_age_of_its_keys_withdrawal(
    clock: Clock,
    keys: RemoteKeySet,
    jwks: JwksServer,
    sign: Sign,
    other_key: SigningKey,
) -> None:
    verifier = AccessTokenVerifier(keys, ISSUER, AUDIENCE)
    token = sign()
    await verifier.verify(token)
    jwks.serve(other_key)  # withdrawn just after it was fetched: the worst case
    await clock.advance(239)
    await verifier.verify(token)
    await clock.advance(1)
    with pytest.raises(InvalidToken, match=r"^kid "):
        await verifier.verify(token)
