"""The access token as a value, and how the verifier uses its keys. Forgeries: tests/attacks."""

import json

import pytest

from shared.access_token import TYPE, AccessToken, AccessTokenVerifier
from shared.errors import InvalidToken, TemporarilyUnavailable
from shared.jws import SigningKey, VerificationKey
from shared.key_set import KeySet

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"


class Keys(KeySet):
    """A key set that has a key at hand, can fetch one, has none, or is out of reach."""

    def __init__(
        self, at_hand: VerificationKey | None = None, *answers: VerificationKey | Exception | None
    ) -> None:
        super().__init__(*([at_hand] if at_hand else []))
        self.answers = list(answers)
        self.asked: list[str] = []

    async def key(self, kid: str) -> VerificationKey | None:
        self.asked.append(kid)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def token(key: SigningKey) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "demo", "jti": "1"}
    dates = {"iat": NOW, "exp": NOW + 300}
    return key.sign(json.dumps(claims | dates).encode(), typ=TYPE)


def verifier(keys: Keys) -> AccessTokenVerifier:
    return AccessTokenVerifier(keys, ISSUER, AUDIENCE, now=lambda: NOW)


@pytest.mark.parametrize(
    ("value", "scope"),
    [
        ("", set()),
        ("a", {"a"}),
        ("a b", {"a", "b"}),
        ("b a a", {"a", "b"}),
        (" a  b ", {"a", "b"}),
    ],
)
def test_scope_is_a_set(value: str, scope: set[str]) -> None:
    token = AccessToken(
        iss="i", sub="s", aud="a", exp=2, iat=1, jti="j", client_id="c", scope_value=value
    )
    assert token.scope == scope


async def test_a_key_at_hand_is_used_without_asking(key: SigningKey, token: str) -> None:
    keys = Keys(key.verification_key())
    assert (await verifier(keys).verify(token)).sub == "alice"
    assert keys.asked == []


async def test_a_key_that_is_not_at_hand_is_asked_for(key: SigningKey, token: str) -> None:
    keys = Keys(None, key.verification_key())
    assert (await verifier(keys).verify(token)).sub == "alice"
    assert keys.asked == [key.kid]


async def test_a_key_that_the_issuer_has_not_got_makes_the_token_invalid(token: str) -> None:
    with pytest.raises(InvalidToken):
        await verifier(Keys(None, None)).verify(token)


async def test_keys_out_of_reach_are_no_verdict_on_the_token(token: str) -> None:
    with pytest.raises(TemporarilyUnavailable):
        await verifier(Keys(None, TemporarilyUnavailable())).verify(token)


async def test_a_token_seen_before_is_no_good_once_the_keys_are_too_old(
    key: SigningKey, token: str
) -> None:
    keys = Keys(key.verification_key(), TemporarilyUnavailable())
    both = verifier(keys)
    await both.verify(token)
    keys.use([key.verification_key()], until=keys.monotonic())
    with pytest.raises(TemporarilyUnavailable):
        await both.verify(token)
