"""What is printed of HTTP never has a whole secret in it."""

import pytest

from lab.wire import folded, shortened

SECRET = "kd83HsXpQ0vY1m2n4b5c6x7z8a9s0d1f2g3h4j5k6l7"


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        pytest.param(
            f"grant_type=password&username=demo&password={SECRET}&scope=a",
            "grant_type=password&username=demo&password=…&scope=a",
            id="password in a form",
        ),
        pytest.param(f"cookie: session={SECRET}", "cookie: session=kd83HsXp…", id="cookie"),
        pytest.param(
            f"set-cookie: session={SECRET}; HttpOnly",
            "set-cookie: session=kd83HsXp…; HttpOnly",
            id="new cookie",
        ),
        pytest.param(
            f"authorization: Bearer {SECRET}", "authorization: Bearer kd83HsXp…", id="bearer token"
        ),
        pytest.param(
            f'{{"access_token":"{SECRET}","token_type":"Bearer","refresh_token": "{SECRET}"}}',
            '{"access_token":"kd83HsXp…","token_type":"Bearer","refresh_token": "kd83HsXp…"}',
            id="token answer",
        ),
        pytest.param('{"sub":"demo"}', '{"sub":"demo"}', id="nothing secret"),
    ],
)
def test_secrets_are_shortened_and_the_rest_stays(line: str, printed: str) -> None:
    assert shortened(line) == printed


def test_long_lines_are_folded_between_parameters_and_nothing_is_lost() -> None:
    line = "a=1&bb=22&ccc=333; d,e"
    assert folded(line, 10) == ["a=1&bb=22&", "ccc=333; ", "d,e"]
    assert "".join(folded(line, 4)) == line
    assert folded("x" * 30, 10) == ["x" * 30]
