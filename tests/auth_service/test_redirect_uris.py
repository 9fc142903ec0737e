"""Which redirect URIs may be registered."""

import pytest

from auth_service import redirect_uris
from auth_service.redirect_uris import RedirectUriRefused


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example",
        "https://app.example:8443/cb?a=b",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:8080/cb",
        "http://[::1]/cb",
        "http://localhost:3000/cb",
        "com.example.app:/cb",
        "com.example.app://cb",
    ],
)
def test_what_may_be_registered(uri: str) -> None:
    redirect_uris.check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "app.example/callback",
        "http://app.example/callback",
        "https://",
        "https:///callback",
        "https://user@app.example/callback",
        "https://app.example/callback#",
        "https://app.example/callback#a",
        "https://app.example/a b",
        "https://app.example/\n",
        "https://app.example/ä",
        "https://app.example\\callback",
        "https://app.example:port/",
        "http://localhost:80@evil.example/",
        "http://127.0.0.1.evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/callback",
        "https://app.example/" + "x" * 2000,
    ],
)
def test_what_may_not(uri: str) -> None:
    with pytest.raises(RedirectUriRefused):
        redirect_uris.check(uri)


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://app.example/cb", "https://app.example"),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_what_a_content_security_policy_calls_it(uri: str, source: str) -> None:
    assert redirect_uris.source(uri) == source
