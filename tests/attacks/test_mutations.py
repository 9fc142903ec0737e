"""No token but the one that was signed: every bit, and whatever hypothesis comes up with."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access_token import AccessTokenVerifier
from tests.attacks.flaws import Flaw, Refused
from tests.attacks.naive import Naive
from tests.attacks.world import AUDIENCE, ISSUER, Keys, refusal, the_world

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
quick = settings(deadline=None, database=None)

# Not as fixtures, which hypothesis would have to share between examples.
WORLD = the_world()
GOOD = WORLD.token()
VERIFIER = AccessTokenVerifier(
    Keys(WORLD.issuer.signing_key.verification_key()), ISSUER, AUDIENCE, now=lambda: WORLD.now
)


async def test_every_bit_counts(naive: Naive) -> None:
    assert await refusal(VERIFIER, GOOD) is None
    careless = naive(Flaw.SIGNATURE_IGNORED | Flaw.LOOSE_BASE64 | Flaw.KID_IGNORED)
    fooled = 0
    for position, character in enumerate(GOOD):
        for bit in range(8):
            flipped = GOOD[:position] + chr(ord(character) ^ 1 << bit) + GOOD[position + 1 :]
            assert await refusal(VERIFIER, flipped) is not None
            with contextlib.suppress(Refused):
                fooled += bool(careless.verify(flipped))
    assert fooled > 1000


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The good token after up to three edits: parts exchanged, pieces cut, doubled, replaced."""
    token = GOOD
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(token)))
        end = draw(st.integers(start, min(len(token), start + 8)))
        piece = draw(
            st.one_of(
                st.just(""),
                st.just(token[start:end] * 2),
                st.text(BASE64URL + ".=+/", max_size=8),
                st.text(max_size=4),
                st.sampled_from([".", "=", "==", "\n", " ", "\0", "\ufeff", "\ud800", "\uff0e"]),
            )
        )
        token = token[:start] + piece + token[end:]
    return token


@given(mutations())
@quick
async def test_a_changed_token_never_verifies(token: str) -> None:
    if token == GOOD:
        return
    assert await refusal(VERIFIER, token) is not None


@given(st.text(max_size=200) | st.text(BASE64URL + ".", max_size=400))
@quick
async def test_nothing_else_verifies_either(token: str) -> None:
    assert await refusal(VERIFIER, token) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
plausible = st.sampled_from(
    [AUDIENCE, [AUDIENCE], ISSUER, "at+jwt", "RS256", "none", WORLD.issuer.kid]
    + [WORLD.now + ahead for ahead in (-31, -30, 0, 30, 31)]
)
header_names = st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "cty", "zip", "x"])
claim_names = st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "jti", "cnf", "scope"])


@given(
    st.dictionaries(header_names, plausible | json_values, max_size=2),
    st.dictionaries(claim_names, plausible | json_values, max_size=2),
)
@quick
async def test_a_verifier_written_apart_is_of_the_same_opinion(
    naive: Naive, header: dict[str, object], claims: dict[str, object]
) -> None:
    """The naive one without its flaws, about whatever the issuer may have signed."""
    token = WORLD.token(WORLD.header(**header), WORLD.claims(**claims))
    ours = await refusal(VERIFIER, token) is None
    try:
        theirs = bool(naive(Flaw(0)).verify(token))
    except Refused:
        theirs = False
    assert ours == theirs
