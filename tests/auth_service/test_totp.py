"""One-time codes: the standards' own examples, and what a clock may be off."""

import pytest

from auth_service import totp
from auth_service.pages.account_texts import ENGLISH, KOREAN

SECRET = b"12345678901234567890"  # RFC 6238, appendix B


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_examples_of_rfc_6238(time: int, code: str) -> None:
    assert totp.code(SECRET, time // 30, digits=8) == code


@pytest.mark.parametrize(
    ("count", "code"), list(enumerate(["755224", "287082", "359152", "969429", "338314"]))
)
def test_the_examples_of_rfc_4226(count: int, code: str) -> None:
    assert totp.code(SECRET, count) == code


@pytest.mark.parametrize(
    ("off", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_off_by_one_step(off: int, taken: bool) -> None:
    now = 1_800_000_015.0
    step = int(now // 30) + off
    assert totp.step_of(SECRET, totp.code(SECRET, step), now) == (step if taken else None)


@pytest.mark.parametrize("code", ["", "1", "12345", "1234567", "abcdef", "\uff11\uff12"])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert totp.step_of(SECRET, code, 59.0) is None


def test_a_generator_reads_what_is_in_the_square() -> None:
    uri = totp.uri(SECRET, "Sealgate", "alice@example.org")
    assert uri == (
        "otpauth://totp/Sealgate%3Aalice%40example.org"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sealgate"
    )


def test_both_languages_say_everything() -> None:
    assert ENGLISH.keys() == KOREAN.keys()
