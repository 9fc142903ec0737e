"""The key ring: two issuers agree, rotation is safe, nothing readable lies in the database."""

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from auth_service import key_schedule
from auth_service.key_encryption import KeyEncryptionKey, KeyEncryptionKeyRefused
from auth_service.key_rotation import StepRefused
from auth_service.store import signing_keys
from shared import jws
from shared.access_token import AccessTokenVerifier

MAX_AGE = 300


async def states(issuer: Any) -> list[str]:
    ring = await signing_keys.ring(issuer.server.db, issuer.server.time())
    return sorted(key.state for key in key_schedule.present(ring))


async def published(issuer: Any) -> list[str]:
    """The kids in the JWKS, after what is due was done and the ring was read anew."""
    server = issuer.server
    await server.keys.reload(server.db)
    await server.rotation.advance(server.db, server.keys.stored)
    await server.keys.reload(server.db)
    response = await issuer.http.get("/.well-known/jwks.json")
    return [key["kid"] for key in response.json()["keys"]]


async def kid_of_new_token(issuer: Any) -> str:
    token = (await issuer.token(grant_type="client_credentials")).json()["access_token"]
    kid: str = json.loads(jws.decode(token.split(".")[0].encode()))["kid"]
    return kid


async def test_the_first_boot_makes_one_active_key_and_the_next_one(issuer: Any) -> None:
    assert await states(issuer) == ["active", "published"]


async def test_issuers_that_boot_together_on_an_empty_database_agree(
    start: Any, auth_database_url: str
) -> None:
    connection = await asyncpg.connect(auth_database_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    contexts = [start() for _ in range(5)]
    issuers = await asyncio.gather(*(context.__aenter__() for context in contexts))
    try:
        bodies = [(await issuer.http.get("/.well-known/jwks.json")).content for issuer in issuers]
        assert len(set(bodies)) == 1
        assert await states(issuers[0]) == ["active", "published"]
        tokens = {issuer.server.refresh_tokens._key for issuer in issuers}
        assert len(tokens) == 1
    finally:
        for context in contexts:
            await context.__aexit__(None, None, None)


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


async def test_rotation_is_refused_until_every_verifier_can_know_the_next_key(
    issuer: Any, clock: Any
) -> None:
    before = await published(issuer)
    clock.seconds += 2 * MAX_AGE - 1
    with pytest.raises(StepRefused) as refusal:
        await issuer.server.rotation.rotate(issuer.server.db)
    assert refusal.value.possible_at == datetime.fromtimestamp(clock.seconds + 1, UTC)
    assert await published(issuer) == before
    assert await states(issuer) == ["active", "published"]


async def test_rotation_changes_what_signs_and_keeps_what_verifies(issuer: Any, clock: Any) -> None:
    old, following = await published(issuer)
    token = (await issuer.token(grant_type="client_credentials")).json()["access_token"]
    clock.seconds += 2 * MAX_AGE
    assert await issuer.server.rotation.rotate(issuer.server.db) == following
    kids = await published(issuer)
    assert kids[:2] == [old, following]
    assert len(kids) == 3
    assert await states(issuer) == ["active", "published", "retired"]
    assert await kid_of_new_token(issuer) == following
    header, payload, signature = token.encode().split(b".")
    key = issuer.server.keys.trusted(old)
    assert key.verify(header + b"." + payload, jws.decode(signature))


async def test_a_retired_key_is_removed_when_the_last_token_under_it_has_expired(
    start: Any, clock: Any
) -> None:
    async with start(access_token_lifetime=1000) as issuer:
        old, *_ = await published(issuer)
        clock.seconds += 2 * MAX_AGE
        await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 1000 + 30 + MAX_AGE - 1
        assert old in await published(issuer)
        clock.seconds += 1
        assert old not in await published(issuer)
        assert issuer.server.keys.trusted(old) is None
        row = await issuer.server.db.fetchrow("SELECT * FROM signing_keys WHERE kid = $1", old)
        assert row["removed_at"] is not None
        assert row["encrypted_private"] is None


async def test_a_shorter_token_lifetime_does_not_remove_a_key_too_early(
    start: Any, clock: Any
) -> None:
    async with start(access_token_lifetime=3600) as issuer:
        old, *_ = await published(issuer)
    async with start(access_token_lifetime=60) as issuer:
        clock.seconds += 2 * MAX_AGE
        await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 3600
        assert old in await published(issuer)


async def test_ten_rotations_at_once_are_one(start: Any, issuer: Any, clock: Any) -> None:
    async with start() as other:
        clock.seconds += 2 * MAX_AGE
        results = await asyncio.gather(
            *(
                chosen.server.rotation.rotate(chosen.server.db)
                for chosen in (issuer, other)
                for _ in range(5)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(result, str) for result in results) == 1
        assert sum(isinstance(result, StepRefused) for result in results) == 9
        assert await states(issuer) == ["active", "published", "retired"]


async def test_other_issuers_see_a_rotation_within_seconds(
    start: Any, issuer: Any, clock: Any
) -> None:
    async with start() as other:
        clock.seconds += 2 * MAX_AGE
        following = await issuer.server.rotation.rotate(issuer.server.db)
        async with asyncio.timeout(5):
            while await kid_of_new_token(other) != following:  # noqa: ASYNC110 - as clients see it
                await asyncio.sleep(0.1)


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


async def test_private_keys_cannot_be_read_in_the_database(issuer: Any) -> None:
    rows = await issuer.server.db.fetch("SELECT * FROM signing_keys")
    [active] = [row for row in rows if row["activated_at"] is not None]
    der = issuer.server.keys._view.signing.to_der()
    assert len(active["encrypted_private"]) > len(der)
    for start_at in range(len(der) - 16):
        assert der[start_at : start_at + 16] not in active["encrypted_private"]


async def test_a_row_cannot_be_put_in_another_rows_place(issuer: Any, start: Any) -> None:
    await issuer.server.db.execute(
        "UPDATE signing_keys SET encrypted_private ="
        " (SELECT encrypted_private FROM signing_keys WHERE activated_at IS NULL)"
        " WHERE activated_at IS NOT NULL"
    )
    async with start() as again:
        assert (await again.http.get("/health/ready")).status_code == 503


async def test_with_another_key_encryption_key_it_is_not_ready_and_says_why(
    start: Any, issuer: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = (await issuer.http.get("/.well-known/jwks.json")).content
    other = tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text("A" * 43)
    async with start(key_encryption_key_file=other) as wrong:
        for path in ("/health/ready", "/.well-known/jwks.json"):
            response = await wrong.http.get(path)
            assert (response.status_code, response.json()["error"]) == (
                503,
                "temporarily_unavailable",
            )
        assert (await wrong.token(grant_type="client_credentials")).status_code == 503
    assert "is not the one that encrypted" in caplog.text
    assert (await issuer.http.get("/.well-known/jwks.json")).content == before


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        pytest.param("A" * 43, 0o644, "others may read it", id="readable"),
        pytest.param("A" * 43, 0o660, "others may read it", id="group"),
        pytest.param("A" * 42 + "B", 0o600, "not 32 octets", id="spare bits"),
        pytest.param("A" * 40, 0o600, "not 32 octets", id="short"),
        pytest.param("A" * 200, 0o600, "not 32 octets", id="long"),
        pytest.param("", 0o600, "not 32 octets", id="empty"),
    ],
)
def test_a_key_encryption_key_file_is_refused(
    tmp_path: Any, content: str, mode: int, message: str
) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(KeyEncryptionKeyRefused, match=re.escape(message)):
        KeyEncryptionKey.load(path)


def test_a_missing_key_encryption_key_file_is_named(tmp_path: Any) -> None:
    with pytest.raises(KeyEncryptionKeyRefused, match="No such file"):
        KeyEncryptionKey.load(tmp_path / "none")


async def test_larger_keys_come_with_the_setting(start: Any) -> None:
    async with start(signing_key_bits=3072) as issuer:
        private: rsa.RSAPrivateKey = issuer.server.keys._view.signing._private
        assert private.key_size == 3072
