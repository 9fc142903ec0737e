"""What looks like an attack and is none: allowed by the standards, and written down as such."""

import json
from typing import Any

import pytest

from shared.access_token import AccessTokenVerifier
from tests.attacks.attack import EVIL, with_member
from tests.attacks.world import AUDIENCE, World, refusal


@pytest.mark.parametrize(
    "typ", ["at+jwt", "application/at+jwt", "AT+JWT", "at+JWT", "Application/At+Jwt"]
)
async def test_typ_is_a_media_type_so_its_case_does_not_matter(
    world: World, verifier: AccessTokenVerifier, typ: str
) -> None:
    """RFC 9068 §4 and RFC 7515 §4.1.9: with or without `application/`, in any case."""
    assert await refusal(verifier, world.token(world.header(typ=typ))) is None


async def test_of_a_claim_given_twice_the_last_counts(
    world: World, verifier: AccessTokenVerifier
) -> None:
    """RFC 7519 §4 lets a verifier choose; the issuer signed both."""
    token = world.token(claims=with_member(world.claims(), b'"sub":"the last"'))
    assert (await verifier.verify(token)).sub == "the last"


@pytest.mark.parametrize(
    "member", [{"jku": EVIL}, {"x5u": EVIL}, {"x5c": ["AA=="]}, {"jwk": {}}, {"x5t": "x"}]
)
async def test_members_that_offer_a_key_are_not_read_but_do_no_harm(
    world: World, verifier: AccessTokenVerifier, member: dict[str, Any]
) -> None:
    """RFC 7515 §4.1.3: the key is ours, by `kid`; what else the header offers is ignored."""
    assert await refusal(verifier, world.token(world.header(**member))) is None


@pytest.mark.parametrize(
    "aud", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE], [AUDIENCE] * 2]
)
async def test_aud_may_be_a_string_or_a_list_with_us_in_it(
    world: World, verifier: AccessTokenVerifier, aud: str | list[str]
) -> None:
    assert await refusal(verifier, world.token(claims=world.claims(aud=aud))) is None


async def test_unknown_members_and_white_space_are_ignored(
    world: World, verifier: AccessTokenVerifier
) -> None:
    """RFC 7515 §4, RFC 7519 §4: what is not understood must be ignored."""
    header = json.dumps(world.header(x=[{"y": None}]), indent=2).encode()
    claims = json.dumps(world.claims(x=[{"y": 10**400}, "é"]), indent=2).encode()
    assert await refusal(verifier, world.token(header, claims + b"\n")) is None


async def test_claims_may_be_written_in_any_language(
    world: World, verifier: AccessTokenVerifier
) -> None:
    claims = json.dumps(world.claims(sub="Zoë-名前-\U0001f511"), ensure_ascii=False)
    verified = await verifier.verify(world.token(claims=claims.encode()))
    assert verified.sub == "Zoë-名前-\U0001f511"


async def test_a_verified_token_cannot_be_changed(
    world: World, verifier: AccessTokenVerifier
) -> None:
    """One object serves every request that brings this token."""
    verified = await verifier.verify(world.token(claims=world.claims(aud=[AUDIENCE])))
    assert isinstance(verified.aud, tuple)
    with pytest.raises(AttributeError):
        verified.sub = "somebody else"  # type: ignore[misc]
