"""Reading the Authorization header, and the challenge (RFC 6750, RFC 9110 §11)."""

import pytest

from shared.bearer import bearer_token, challenge
from shared.errors import InsufficientScope, InvalidRequest, InvalidToken, MissingToken

TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln-_~+/"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"Bearer {TOKEN}", id="as usual"),
        pytest.param(f"bearer {TOKEN}", id="small letters"),
        pytest.param(f"BEARER {TOKEN}", id="capitals"),
        pytest.param(f"bEaReR {TOKEN}", id="mixed"),
        pytest.param(f"Bearer   {TOKEN}", id="several spaces"),
        pytest.param(f"Bearer {TOKEN} ", id="space after"),
    ],
)
def test_the_token_is_read(header: str) -> None:
    assert bearer_token(header) == TOKEN


@pytest.mark.parametrize("token", ["a", "a=", "a==", "-._~+/", "0"])
def test_every_b64token_is_read(token: str) -> None:
    """Whether it is one of ours is for the verifier to say."""
    assert bearer_token(f"Bearer {token}") == token


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        TOKEN,
        f"Basic {TOKEN}",
        f"DPoP {TOKEN}",
        f"Bearer\t{TOKEN}",
        f"Bearer={TOKEN}",
        f"Bearer:{TOKEN}",
        f" Bearer {TOKEN}",
        f"Bearer\u00a0{TOKEN}",
        f"B\u0435arer {TOKEN}",  # a Cyrillic letter
    ],
)
def test_another_scheme_is_no_token(header: str | None) -> None:
    with pytest.raises(MissingToken) as refused:
        bearer_token(header)
    # Somebody who forgets the scheme must not find his token in our log.
    assert TOKEN[:8] not in str(refused.value)


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        " ",
        "=",
        "=a",
        "a=a",
        "a b",
        f"{TOKEN} {TOKEN}",
        f"{TOKEN},{TOKEN}",
        f"{TOKEN}, Basic YTpi",
        f'"{TOKEN}"',
        f"token={TOKEN}!",
        f"{TOKEN}\t",
        f"{TOKEN}\n",
        f"{TOKEN}\0",
        f"{TOKEN}%2e",
        f"{TOKEN}*",
        "tokén",
        "\uff11",
        "\ud800",
        "{}",
    ],
)
def test_what_is_no_b64token_is_refused(credentials: str) -> None:
    with pytest.raises(InvalidRequest, match="malformed Authorization header") as refusal:
        bearer_token(f"Bearer {credentials}")
    assert refusal.value.status_code == 400


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer"])
def test_the_scheme_alone_is_malformed(header: str) -> None:
    with pytest.raises(InvalidRequest):
        bearer_token(header)


def test_without_a_token_the_challenge_has_no_error_code() -> None:
    assert challenge(MissingToken(reason="none")) == 'Bearer realm="sealgate"'


def test_with_a_bad_token_it_says_why_but_not_what_only_the_log_may_know() -> None:
    error = InvalidToken("the token has expired", reason="exp 1")
    assert challenge(error, scope=frozenset({"b", "a"}), resource_metadata="https://x.example") == (
        'Bearer realm="sealgate", error="invalid_token", '
        'error_description="the token has expired", scope="a b", '
        'resource_metadata="https://x.example"'
    )


def test_with_too_little_scope_it_names_all_that_is_needed() -> None:
    error = InsufficientScope(frozenset({"notes:write", "notes:read"}))
    assert 'error="insufficient_scope"' in challenge(error)
    assert 'scope="notes:read notes:write"' in challenge(error, scope=frozenset({"other"}))


@pytest.mark.parametrize("character", ['"', "\\", "\r", "\n", "\0", "\x7f", "é", "\u2028"])
def test_nothing_breaks_out_of_the_quotes(character: str) -> None:
    """RFC 6750 §3: printable ASCII but the quote and the backslash."""
    value = challenge(InvalidToken(f"a{character}b"), resource_metadata=f"c{character}d")
    assert 'error_description="a?b"' in value
    assert 'resource_metadata="c?d"' in value
    assert value.isascii()
    assert value.isprintable()
