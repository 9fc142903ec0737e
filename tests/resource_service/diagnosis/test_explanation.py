"""What an explanation shows; that it agrees with the verifier, `tests/attacks` has too."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resource_service.diagnosis.explanation import Explanation, explain
from resource_service.diagnosis.findings import Finding, Outcome, cut, shown
from shared.access_token import MAXIMUM_LENGTH
from shared.jws import SigningKey
from tests.attacks.world import Keys
from tests.resource_service.issuer import AUDIENCE, ISSUER, Sign


@pytest.fixture
def keys(signing_key: SigningKey) -> Keys:
    return Keys(signing_key.verification_key())


async def explained(token: str, keys: Keys, now: float | None = None) -> Explanation:
    return await explain(token, keys, ISSUER, AUDIENCE, now=now or time.time())


def find(explanation: Explanation, check: str) -> Finding:
    [found] = [finding for finding in explanation.findings if finding.check == check]
    return found


async def test_the_checks_are_shown_in_the_verifiers_order(keys: Keys, sign: Sign) -> None:
    explanation = await explained(sign(nbf=1), keys)
    assert [finding.check for finding in explanation.findings] == [
        *("length", "three parts", "header", "alg", "typ", "crit and the like", "kid"),
        *("keys it offers", "signature", "key", "signature verified"),
        *("payload", "payload text", "claims"),
        *("claim iss", "claim sub", "claim aud", "claim exp", "claim iat", "claim jti"),
        *("claim client_id", "claim scope", "claim nbf"),
        *("iss is ours", "aud names us", "cnf", "exp", "iat", "nbf", "status"),
    ]


async def test_a_token_of_an_unknown_key_still_shows_whose_it_says_it_is(
    keys: Keys, sign: Sign, other_key: SigningKey
) -> None:
    token = sign(key=other_key, iss="https://other.example")
    explanation = await explained(token, keys)
    assert explanation.failure is not None
    assert explanation.failure.check == "key"
    iss = find(explanation, "iss is ours")
    assert iss.outcome is Outcome.NOT_REACHED
    assert iss.saw == f'"https://other.example", not "{ISSUER}"'


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (0, "in 300 s"),
        (300, "now, within the leeway of 30 s"),
        (329, "29 s ago, within the leeway of 30 s"),
        (330, "30 s ago, more than the leeway of 30 s"),
    ],
)
async def test_exp_is_shown_against_our_clock(
    keys: Keys, sign: Sign, later: float, said: str
) -> None:
    now = int(time.time())
    explanation = await explained(sign(exp=now + 300), keys, now + later)
    assert find(explanation, "exp").saw.endswith(f" UTC: {said}")


async def test_a_date_beyond_all_calendars_is_shown_as_a_number(keys: Keys, sign: Sign) -> None:
    explanation = await explained(sign(exp=2**53), keys)
    assert explanation.verdict.answer == "valid"
    assert find(explanation, "exp").saw.startswith(f"{2**53}: in ")


async def test_a_token_that_is_too_long_is_not_looked_at(keys: Keys) -> None:
    explanation = await explained("x" * (MAXIMUM_LENGTH + 1), keys)
    assert explanation.failure is not None
    assert explanation.failure.check == "length"
    assert {finding.saw for finding in explanation.findings[1:]} == {""}
    assert keys.asked_for == []


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_NAMES = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "amr", "cnf"]


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(_NAMES), _ANYTHING, max_size=3))
async def test_it_agrees_with_the_verifier_whatever_the_claims_are(
    signing_key: SigningKey, changes: dict[str, Any]
) -> None:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "client_id": "b", "jti": "c"}
    claims = good | {"iat": now, "exp": now + 300} | changes
    token = signing_key.sign(json.dumps(claims).encode(), typ="at+jwt")
    await agrees(signing_key, token)


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 10_000), character=st.characters(), keep=st.booleans())
async def test_it_agrees_with_the_verifier_whatever_is_changed(
    signing_key: SigningKey, sign: Sign, position: int, character: str, keep: bool
) -> None:
    token = sign()
    position %= len(token)
    await agrees(signing_key, token[:position] + character + token[position + 1 - keep :])


async def agrees(signing_key: SigningKey, token: str) -> None:
    explanation = await explained(token, Keys(signing_key.verification_key()))
    said = explanation.failure.refusal if explanation.failure else ""
    assert said == explanation.verdict.description
    assert all(finding.saw.isprintable() for finding in explanation.findings)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\x1b[31m", '"a\\u001b[31m"'),
        ("\u202e", '"\\u202e"'),
        ("x" * 200, '"' + "x" * 97 + "…"),
        pytest.param(10**5000, "(too large to show)", id="a huge number"),
    ],
)
def test_a_strangers_value_cannot_write_to_the_terminal(value: object, said: str) -> None:
    assert shown(value) == said


def test_so_with_a_strangers_text() -> None:
    assert cut("a\x1b[2J\n\u0431") == "a\\x1b[2J\\n\\u0431"
