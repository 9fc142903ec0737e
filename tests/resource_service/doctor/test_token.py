"""What can be wrong with a token, and with the answer that it comes in."""

import pytest

from shared.jws import SigningKey
from tests.resource_service.doctor.changes import Change, Examine, assert_first_wrong, claims, wrong
from tests.resource_service.doctor.pair import Pair


def unknown_key(pair: Pair) -> None:
    pair.key = SigningKey.generate()


WRONG = [
    wrong(
        "token may be stored",
        lambda pair: pair.token_headers.clear(),
        "token not stored",
        "RFC 6749 §5.1",
    ),
    wrong(
        "token of another type",
        lambda pair: pair.token_response.update(token_type="mac"),
        "token_type",
        "RFC 6749 §5.1",
    ),
    wrong(
        "token of no type",
        lambda pair: pair.token_response.pop("token_type"),
        "token_type",
        "RFC 6749 §5.1",
    ),
    wrong(
        "life as text",
        lambda pair: pair.token_response.update(expires_in="300"),
        "expires_in",
        "RFC 6749 §5.1",
    ),
    wrong(
        "token for another API",
        claims(aud="https://other.example"),
        "token verified",
        "RFC 9068 §4",
    ),
    wrong(
        "token of another issuer",
        claims(iss="https://other.example"),
        "token verified",
        "RFC 9068 §4",
    ),
    wrong("token expired", claims(exp=1), "token verified", "RFC 7519 §4.1.4"),
    wrong("token without jti", claims(jti=None), "token verified", "RFC 9068 §2.2"),
    wrong("token bound to a key", claims(cnf={"jkt": "x"}), "token verified", "RFC 7800 §3.1"),
    wrong("token by an unpublished key", unknown_key, "token verified", "RFC 9068 §4"),
    wrong(
        "token no JWT",
        lambda pair: pair.token_response.update(access_token="opaque"),
        "token verified",
        "RFC 7515 §7.1",
    ),
]


@pytest.mark.parametrize(("change", "check", "section"), WRONG)
async def test_what_is_wrong_is_named_with_its_section(
    pair: Pair, examined: Examine, change: Change, check: str, section: str
) -> None:
    change(pair)
    await assert_first_wrong(examined, check, section)
