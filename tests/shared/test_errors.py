"""The error classes: one per code, with the standards' statuses, and nothing internal shown."""

import pytest

from shared import errors
from shared.errors import InsufficientScope, InvalidGrant, OAuthError, TemporarilyUnavailable

STATUSES = {
    "invalid_request": 400,
    "invalid_client": 401,
    "invalid_grant": 400,
    "unsupported_grant_type": 400,
    "unauthorized_client": 400,
    "invalid_scope": 400,
    "invalid_target": 400,
    "unauthorized": 401,
    "invalid_token": 401,
    "insufficient_scope": 403,
    "not_found": 404,
    "conflict": 409,
    "content_too_large": 413,
    "unsupported_media_type": 415,
    "server_error": 500,
    "temporarily_unavailable": 503,
}
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, OAuthError) and value is not OAuthError
]


def test_every_code_has_one_class_and_its_standards_status() -> None:
    found = {kind.error: kind.status_code for kind in CLASSES}
    assert len(found) == len(CLASSES)
    assert STATUSES.items() <= found.items()


def test_the_description_is_shown_and_the_reason_is_not() -> None:
    error = errors.InvalidToken("the token has expired", reason="exp 1")
    assert error.body() == {
        "error": "invalid_token",
        "error_description": "the token has expired",
    }
    assert str(error) == "exp 1"


def test_without_a_description_there_is_no_such_member() -> None:
    assert errors.MissingToken(reason="no header").body() == {"error": "unauthorized"}


@pytest.mark.parametrize("reason", ["unknown", "expired", "another client's"])
def test_every_cause_of_invalid_grant_looks_alike(reason: str) -> None:
    assert InvalidGrant(reason=reason).body() == InvalidGrant(reason="other").body()


def test_insufficient_scope_names_every_scope_in_order() -> None:
    error = InsufficientScope(frozenset({"b", "a"}))
    assert error.description == "this needs the scope a b"
    assert error.scope == {"a", "b"}


def test_unavailable_says_when_to_come_again() -> None:
    assert TemporarilyUnavailable().retry_after == 1
    assert TemporarilyUnavailable(retry_after=7).retry_after == 7
