"""Which addresses may be asked, and where metadata are."""

import pytest

from resource_service.doctor.urls import ancestors, problem, well_known


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example",
        "https://issuer.example/tenant",
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:8000/x",
    ],
)
def test_https_may_be_asked_and_http_on_loopback(url: str) -> None:
    assert problem(url, secure=False) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example",
        "http://localhost.example",
        "http://localhost:80@evil.example",
        "https://user@issuer.example",
        "https://issuer.example#x",
        "https://issuer.example#",
        "https://issuer.example?x",
        "https://",
        "https://issuer.example:port",
        "https://issuer.example:99999",
        "https://[",
        "https://issuer.example/\n",
        "https://\u0456ssuer.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
        None,
        7,
        ["https://issuer.example"],
    ],
)
def test_nothing_else_may(url: object) -> None:
    assert problem(url, secure=False)


def test_a_walk_that_began_with_https_does_not_leave_it() -> None:
    assert problem("http://127.0.0.1", secure=True) == '"http://127.0.0.1" is not https'


def test_a_query_where_one_is_allowed() -> None:
    assert problem("https://issuer.example/authorize?tenant=x", secure=True, query=True) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "https://a.example/.well-known/x"),
        ("https://a.example/", "https://a.example/.well-known/x"),
        ("https://a.example:1/b/c", "https://a.example:1/.well-known/x/b/c"),
        ("https://a.example/b/", "https://a.example/.well-known/x/b"),
    ],
)
def test_the_well_known_part_precedes_the_path(url: str, expected: str) -> None:
    """RFC 8414 §3.1, RFC 9728 §3.1."""
    assert well_known(url, "x") == expected


def test_what_is_above_an_address() -> None:
    root = "https://a.example:1"
    assert ancestors(f"{root}/b//c/?d") == [f"{root}/b//c", f"{root}/b", root]
    assert ancestors(root) == ancestors(f"{root}/") == [root]


def test_of_a_long_path_not_every_part_is_asked() -> None:
    found = ancestors("https://a.example" + "/b" * 1000)
    assert (len(found), found[-1]) == (9, "https://a.example")
