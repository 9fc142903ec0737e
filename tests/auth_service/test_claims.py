"""Claims that an administrator sets of a user (OIDC Core §5.1)."""

from typing import Any

import pytest

from auth_service import claims


def test_what_may_be_set() -> None:
    known = {
        "name": "Alice",
        "updated_at": 1,
        "email": "alice@example.org",
        "email_verified": True,
        "address": {"country": "UK"},
    }
    assert claims.check(known) == known


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "alice",
        {"nonsense": "x"},
        {"sub": "x"},
        {"preferred_username": "bob"},
        {"name": 1},
        {"updated_at": "yesterday"},
        {"updated_at": True},
        {"email_verified": "true"},
        {"address": "Oxford"},
        {"address": {"planet": "Earth"}},
        {"address": {"country": 44}},
    ],
)
def test_what_may_not(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        claims.check(wrong)


def test_what_is_released_is_what_was_granted() -> None:
    known = {"name": "Alice", "email": "a@b", "phone_number": "1"}
    assert claims.released(known, frozenset({"openid"}), frozenset()) == {}
    assert claims.released(known, frozenset({"profile"}), frozenset({"email"})) == {
        "name": "Alice",
        "email": "a@b",
    }
