"""Reading WWW-Authenticate (RFC 9110 §11.6.1)."""

import time

import pytest

from resource_service.doctor.challenges import Challenge, bearer, parse

READ = [
    ("Bearer", [Challenge("bearer")]),
    ('Bearer realm="x"', [Challenge("bearer", {"realm": "x"})]),
    ("bearer Error=invalid_token", [Challenge("bearer", {"error": "invalid_token"})]),
    ('Bearer a="1" , b = "2"', [Challenge("bearer", {"a": "1", "b": "2"})]),
    (r'Bearer a="say \"hi\", you", b=2', [Challenge("bearer", {"a": 'say "hi", you', "b": "2"})]),
    (
        'Basic realm="a, Bearer b", Bearer scope="x y"',
        [Challenge("basic", {"realm": "a, Bearer b"}), Challenge("bearer", {"scope": "x y"})],
    ),
    ("Negotiate abc==, Bearer", [Challenge("negotiate"), Challenge("bearer")]),
    ("Basic, Bearer", [Challenge("basic"), Challenge("bearer")]),
    ('Bearer a="1", a="2"', [Challenge("bearer", {"a": "1"})]),
    ('Bearer a="unfinished', [Challenge("bearer")]),
    ('realm="x"', []),
    ("", []),
    ("@", []),
]


@pytest.mark.parametrize(("value", "challenges"), READ)
def test_challenges_are_read(value: str, challenges: list[Challenge]) -> None:
    assert parse([value]) == challenges


def test_the_bearer_challenge_is_found_on_any_line() -> None:
    assert bearer(["Basic realm=x", 'Bearer scope="y"']) == Challenge("bearer", {"scope": "y"})
    assert bearer(["Basic realm=x"]) is None


@pytest.mark.parametrize(
    "value", ["," * 50_000, "Bearer " * 10_000, "a=" * 20_000, "Bearer " + " " * 50_000]
)
def test_a_long_header_costs_little(value: str) -> None:
    started = time.process_time()
    parse([value])
    assert time.process_time() - started < 1
