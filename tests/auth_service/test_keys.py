"""The key ring of one issuer: what it publishes, and when it stops signing."""

from typing import Any

import httpx
import pytest

from auth_service.keys import KeyRing
from shared.access_token import AccessTokenVerifier
from shared.errors import TemporarilyUnavailable
from tests.auth_service.ring import new_token, published, states, turn

MAX_AGE = 300


async def test_the_first_boot_makes_one_active_key_and_the_next_one(issuer: Any) -> None:
    assert await states(issuer) == ["active", "published"]


async def test_a_second_boot_finds_the_same_keys(start: Any, issuer: Any) -> None:
    before = await published(issuer)
    async with start() as again:
        assert await published(again) == before


async def test_the_issuers_own_ring_verifies_what_it_signed(issuer: Any) -> None:
    server = issuer.server
    token = (await issuer.token(grant_type="client_credentials")).json()["access_token"]
    verifier = AccessTokenVerifier(
        server.keys, server.settings.issuer, server.settings.audience, now=server.now
    )
    claims = await verifier.verify(token)
    assert (claims.sub, claims.client_id) == ("batch", "batch")
    assert claims.exp - claims.iat == 300


async def test_the_jwks_has_public_members_only(issuer: Any) -> None:
    response = await issuer.http.get("/.well-known/jwks.json")
    assert response.headers["cache-control"] == "public, max-age=300"
    for key in response.json()["keys"]:
        assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ('"other", {etag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("{etag}x", 200),
    ],
)
async def test_the_jwks_answers_conditional_requests(issuer: Any, value: str, status: int) -> None:
    first = await issuer.http.get("/.well-known/jwks.json")
    condition = value.replace("{etag}", first.headers["etag"])
    again = await issuer.http.get("/.well-known/jwks.json", headers={"if-none-match": condition})
    assert again.status_code == status
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "public, max-age=300"
    assert again.content == (b"" if status == 304 else first.content)


async def test_a_verification_key_stays_the_same_object_through_a_rotation(
    issuer: Any, clock: Any
) -> None:
    _, following = await published(issuer)
    key = issuer.server.keys.trusted(following)
    clock.seconds += 2 * MAX_AGE
    await issuer.server.rotation.rotate(issuer.server.db)
    await published(issuer)
    assert issuer.server.keys.trusted(following) is key
    assert await issuer.server.keys.key("unknown") is None


class Monotonic:
    """A clock for the age of what was read."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def test_what_was_not_confirmed_for_ten_seconds_is_not_signed_with(issuer: Any) -> None:
    server, monotonic = issuer.server, Monotonic()
    ring = KeyRing(server.settings, server.key_encryption_key, server.now, monotonic)
    with pytest.raises(TemporarilyUnavailable):
        ring.sign(b"{}", typ="at+jwt")
    await ring.reload(server.db)
    monotonic.seconds += 10
    assert ring.sign(b"{}", typ="at+jwt")
    monotonic.seconds += 0.1
    with pytest.raises(TemporarilyUnavailable) as refusal:
        ring.sign(b"{}", typ="at+jwt")
    assert refusal.value.retry_after == 1
    await ring.reload(server.db)
    assert ring.sign(b"{}", typ="at+jwt")


async def test_an_issuer_that_lags_signs_with_a_retired_key_for_ten_seconds_at_most(
    issuer: Any, clock: Any
) -> None:
    server, monotonic = issuer.server, Monotonic()
    lagging = KeyRing(server.settings, server.key_encryption_key, server.now, monotonic)
    await lagging.reload(server.db)
    old = lagging.active_kid
    clock.seconds += 2 * MAX_AGE
    following = await server.rotation.rotate(server.db)
    monotonic.seconds += 10
    assert lagging.active_kid == old
    assert lagging.sign(b"{}", typ="at+jwt")
    monotonic.seconds += 0.1
    with pytest.raises(TemporarilyUnavailable):
        lagging.sign(b"{}", typ="at+jwt")
    await lagging.reload(server.db)
    assert lagging.active_kid == following


async def test_the_max_age_shrinks_when_the_ring_was_not_read_for_longer_than_that(
    issuer: Any,
) -> None:
    server, monotonic = issuer.server, Monotonic()
    ring = KeyRing(server.settings, server.key_encryption_key, server.now, monotonic)
    await ring.reload(server.db)
    read_at = monotonic.seconds
    for age, max_age in ((0, 300), (300, 300), (400, 200), (600, 0), (10_000, 0)):
        monotonic.seconds = read_at + age
        assert ring.jwks_max_age == max_age
        assert ring.jwks.body  # better old keys than none
    await ring.reload(server.db)
    assert ring.jwks_max_age == 300


async def test_the_jwks_is_served_with_the_max_age_of_the_ring(
    issuer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(issuer.server.keys), "jwks_max_age", 17)
    response: httpx.Response = await issuer.http.get("/.well-known/jwks.json")
    assert response.headers["cache-control"] == "public, max-age=17"


async def test_a_ring_that_has_not_changed_is_not_loaded_again_and_nothing_is_written(
    issuer: Any,
) -> None:
    await turn(issuer)
    view = issuer.server.keys._view
    before = await issuer.server.db.fetch("SELECT xmin, * FROM signing_keys")
    await turn(issuer)
    assert issuer.server.keys._view.jwks is view.jwks
    assert await issuer.server.db.fetch("SELECT xmin, * FROM signing_keys") == before
    assert await new_token(issuer)
