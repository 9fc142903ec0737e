"""PKCE (RFC 7636)."""

import pytest

from auth_service import pkce
from shared.errors import InvalidGrant


def test_the_example_of_the_standard() -> None:
    """RFC 7636 appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("verifier", ["x" * 42, "x" * 129, "ä" * 43, "x" * 42 + "=", ""])
def test_a_malformed_verifier_is_refused(verifier: str) -> None:
    with pytest.raises(InvalidGrant):
        pkce.challenge_of(verifier)


@pytest.mark.parametrize("verifier", ["x" * 43, "-._~" * 32])
def test_the_longest_and_the_shortest_will_do(verifier: str) -> None:
    assert len(pkce.challenge_of(verifier) or "") == 43
