"""The key set as a replica would hold it: found, unknown, stale, out of reach; and the clock."""

import logging
import time
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from resource_service.diagnosis.clock import ClockDifference, difference
from resource_service.diagnosis.explanation import Explanation, explain
from resource_service.diagnosis.key_set import KeySetFacts, observed_key_set
from resource_service.key_set_file import KeySetFile
from resource_service.remote_key_set import RemoteKeySet
from shared.access_token import Refusal
from shared.errors import TemporarilyUnavailable
from shared.jws import SigningKey
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer, Sign, jwk_set, respond

OUT_OF_REACH = "the issuer's keys are out of reach"


async def explained(
    token: str, jwks: JwksServer, file: Path | None = None
) -> tuple[Explanation, KeySetFacts]:
    async with observed_key_set(jwks.url, file) as observed:
        explanation = await explain(token, observed.keys, ISSUER, AUDIENCE, now=time.time())
        return explanation, observed.facts()


def save(file: Path, jwks: JwksServer, key: SigningKey, *, age: float) -> None:
    KeySetFile(file, jwks.url, time_of_day=lambda: time.time() - age).save([key.public_jwk])


async def test_a_key_that_is_found(jwks: JwksServer, sign: Sign, signing_key: SigningKey) -> None:
    explanation, facts = await explained(sign(), jwks)
    assert explanation.verdict.answer == "valid"
    assert facts.kids == (signing_key.kid,)
    assert str(facts) == "1 usable key, 0 s old"
    assert facts.remarks == ()
    assert jwks.connections == 1


async def test_a_key_that_is_unknown_is_asked_for_once_more(
    jwks: JwksServer, sign: Sign, other_key: SigningKey
) -> None:
    explanation, _ = await explained(sign(key=other_key), jwks)
    assert explanation.verdict.answer == "refused"
    assert explanation.failure is not None
    assert (explanation.failure.check, explanation.failure.refusal) == ("key", Refusal.UNKNOWN_KEY)
    assert jwks.connections == 2


async def test_a_malformed_token_causes_no_fetch_beyond_the_first(jwks: JwksServer) -> None:
    explanation, _ = await explained("a.b.c", jwks)
    assert explanation.verdict.answer == "refused"
    assert jwks.connections == 1


@pytest.mark.parametrize("age", [10, 3590])
async def test_an_issuer_that_is_down_is_replaced_by_the_file_of_a_replica(
    jwks: JwksServer, sign: Sign, signing_key: SigningKey, tmp_path: Path, age: float
) -> None:
    save(tmp_path / "keys", jwks, signing_key, age=age)
    await jwks.stop()
    explanation, facts = await explained(sign(), jwks, tmp_path / "keys")
    assert explanation.verdict.answer == "valid"
    assert str(facts).endswith(f"{age} s old")
    assert facts.usable
    [remark] = facts.remarks
    assert remark.startswith(f"fetching {jwks.url} failed: unreachable")


async def test_a_file_that_is_too_old_is_stale(
    jwks: JwksServer, sign: Sign, signing_key: SigningKey, tmp_path: Path
) -> None:
    save(tmp_path / "keys", jwks, signing_key, age=4000)
    await jwks.stop()
    explanation, facts = await explained(sign(), jwks, tmp_path / "keys")
    assert explanation.verdict.answer == "cannot know"
    assert str(facts) == "stale: 4000 s old, and usable for 3600 s only"


async def test_the_file_of_a_replica_is_left_as_it_is(
    jwks: JwksServer, sign: Sign, other_key: SigningKey, tmp_path: Path
) -> None:
    save(tmp_path / "keys", jwks, other_key, age=10)
    before = (tmp_path / "keys").read_bytes()
    explanation, _ = await explained(sign(), jwks, tmp_path / "keys")
    assert explanation.verdict.answer == "valid"
    assert (tmp_path / "keys").read_bytes() == before


@pytest.mark.parametrize(
    ("body", "status", "remark"),
    [
        (b"<html>", "200 OK", "refused: KeySetRefused('not JSON')"),
        (b"{}", "503 Service Unavailable", "refused: KeySetRefused('status 503')"),
        (jwk_set({"kty": "oct", "kid": "k"}), "200 OK", "key 0 of the key set is not used"),
    ],
)
async def test_keys_out_of_reach_are_the_token_s_fault_in_no_way(
    jwks: JwksServer, sign: Sign, body: bytes, status: str, remark: str
) -> None:
    jwks.answer = respond(body, status=status)
    explanation, facts = await explained(sign(), jwks)
    assert (explanation.verdict.answer, explanation.verdict.status_code) == ("cannot know", 503)
    assert explanation.failure is not None
    assert explanation.failure.refusal == explanation.verdict.description == OUT_OF_REACH
    assert "may be good" in explanation.failure.advice
    assert str(facts) == "none at hand"
    assert any(remark in text for text in facts.remarks)


async def test_an_unknown_key_while_the_issuer_is_down_may_be_a_new_one(
    jwks: JwksServer, sign: Sign, signing_key: SigningKey, other_key: SigningKey, tmp_path: Path
) -> None:
    save(tmp_path / "keys", jwks, signing_key, age=10)
    await jwks.stop()
    explanation, _ = await explained(sign(key=other_key), jwks, tmp_path / "keys")
    assert explanation.verdict.answer == "cannot know"
    assert explanation.failure is not None
    assert explanation.failure.refusal == explanation.verdict.description
    assert explanation.failure.refusal == "the issuer cannot be asked for this key now"


async def test_warnings_go_where_they_went_before_once_it_is_over(jwks: JwksServer) -> None:
    logger = logging.getLogger("resource_service")
    before = (logger.propagate, list(logger.handlers))
    async with observed_key_set(jwks.url):
        assert (logger.propagate, list(logger.handlers)) != before
    assert (logger.propagate, list(logger.handlers)) == before


@pytest.mark.parametrize("ahead", [0, 300, -300])
async def test_the_issuers_clock_is_read_from_its_answer(
    jwks: JwksServer, sign: Sign, signing_key: SigningKey, ahead: float
) -> None:
    date = formatdate(time.time() + ahead, usegmt=True)
    jwks.serve(signing_key, headers=f"Date: {date}\r\n")
    _, facts = await explained(sign(), jwks)
    assert facts.clock is not None
    assert abs(facts.clock.ahead - ahead) <= facts.clock.within


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (0.9, "in step with ours (± 1 s)"),
        (300.2, "300 s ahead of ours (± 1 s)"),
        (-299.8, "300 s behind ours (± 1 s)"),
    ],
)
def test_a_clock_difference_is_said_in_words(ahead: float, said: str) -> None:
    assert str(ClockDifference(ahead, 1.0)) == said


NOON = "Mon, 23 Nov 2026 12:00:00 GMT"
AT_NOON = 1_795_435_200.0


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        ({"date": NOON}, 1.0),
        ({"date": NOON, "age": "60"}, 61.0),
        ({"date": "Monday, 23-Nov-26 12:00:00 GMT"}, 1.0),
    ],
)
def test_a_date_was_true_as_long_ago_as_age_says(headers: dict[str, str], ahead: float) -> None:
    found = difference(httpx.Headers(headers), AT_NOON - 1, AT_NOON + 1)
    assert found is not None
    assert (found.ahead, found.within) == (ahead, 2.0)


@pytest.mark.parametrize(
    "headers",
    [{}, {"date": "now"}, {"date": ""}, {"date": NOON, "age": "old"}, {"date": "9" * 500}],
)
def test_a_date_that_is_none_tells_nothing(headers: dict[str, str]) -> None:
    assert difference(httpx.Headers(headers), 0, 0) is None


async def test_it_is_the_replicas_own_cache_that_is_asked(jwks: JwksServer) -> None:
    async with observed_key_set(jwks.url) as observed:
        assert type(observed.keys) is RemoteKeySet
        assert await observed.keys.key("unknown") is None
    await jwks.stop()
    async with observed_key_set(jwks.url) as observed:
        with pytest.raises(TemporarilyUnavailable):
            await observed.keys.key("unknown")
