"""What can be wrong with how an API treats tokens."""

import pytest

from tests.resource_service.doctor.changes import (
    Change,
    Examine,
    assert_first_wrong,
    with_token,
    wrong,
)
from tests.resource_service.doctor.pair import Pair, Reply, as_json


def to_a_forged_one(reply: Reply) -> Change:
    """What the API answers to a token that was tampered with, and nothing else."""

    def respond(pair: Pair, token: str) -> Reply:
        return reply if pair.scope_of(token) is None else as_json({})

    return with_token(respond)


def scopeless(pair: Pair, token: str) -> Reply:
    """An API that checks signatures, and no scope."""
    return as_json({}) if pair.scope_of(token) else pair.refusal(401, 'error="invalid_token"')


def wrong_method(reply: Reply) -> Change:
    def change(pair: Pair) -> None:
        usual = pair.answers["/api"]
        pair.answers["/api"] = lambda request: usual(request) if request.method == "GET" else reply

    return change


WRONG = [
    wrong(
        "good token refused",
        with_token(lambda pair, _: pair.refusal(401, 'error="invalid_token"')),
        "with the token",
        "RFC 6750 §3.1",
    ),
    wrong(
        "API broken",
        with_token(lambda _pair, _token: as_json({}, 500)),
        "with the token",
        "RFC 6750 §2.1",
    ),
    wrong(
        "forged token accepted",
        with_token(lambda _pair, _token: as_json({})),
        "with a forged token",
        "RFC 6750 §3.1",
    ),
    wrong(
        "forged token an error of the server",
        to_a_forged_one(as_json({}, 500)),
        "with a forged token",
        "RFC 6750 §3.1",
    ),
    wrong(
        "forged token without challenge",
        to_a_forged_one(as_json({}, 401)),
        "with a forged token",
        "RFC 6750 §3.1",
    ),
    wrong("scope ignored", with_token(scopeless), "without the scope", "RFC 6750 §3.1"),
    wrong(
        "method of no meaning served",
        wrong_method(as_json({})),
        "with a wrong method",
        "RFC 9110 §15.5.6",
    ),
    wrong(
        "method of no meaning, no Allow",
        wrong_method(as_json({}, 405)),
        "with a wrong method",
        "RFC 9110 §15.5.6",
    ),
]


@pytest.mark.parametrize(("change", "check", "section"), WRONG)
async def test_what_is_wrong_is_named_with_its_section(
    pair: Pair, examined: Examine, change: Change, check: str, section: str
) -> None:
    change(pair)
    await assert_first_wrong(examined, check, section)
