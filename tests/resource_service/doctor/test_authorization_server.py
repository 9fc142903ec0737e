"""What can be wrong with an issuer's metadata."""

import pytest

from tests.resource_service.doctor.changes import (
    Change,
    Examine,
    answers,
    assert_first_wrong,
    resource_says,
    server_does_not_say,
    server_says,
    wrong,
)
from tests.resource_service.doctor.pair import Pair, as_json, html, redirect

SERVER_METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


def another_jwks_uri_for_openid(pair: Pair) -> None:
    answers(OPENID, as_json(pair.server_metadata | {"jwks_uri": "x"}))(pair)


WRONG = [
    wrong(
        "issuer in clear",
        resource_says(authorization_servers=["http://issuer.example"]),
        "issuer address",
        "RFC 8414 §2",
    ),
    wrong(
        "issuer with a query",
        resource_says(authorization_servers=["https://issuer.example?x"]),
        "issuer address",
        "RFC 8414 §2",
    ),
    wrong(
        "issuer of no scheme",
        resource_says(authorization_servers=["file:///etc/passwd"]),
        "issuer address",
        "RFC 8414 §2",
    ),
    wrong(
        "issuer out of reach",
        resource_says(authorization_servers=["http://127.0.0.1:1"]),
        "issuer metadata",
        "RFC 8414 §3.2",
    ),
    wrong(
        "server metadata missing",
        answers(SERVER_METADATA, as_json({}, 404)),
        "issuer metadata",
        "RFC 8414 §3.1",
    ),
    wrong(
        "server metadata in HTML",
        answers(SERVER_METADATA, html()),
        "issuer metadata",
        "RFC 8414 §3.2",
    ),
    wrong(
        "server metadata elsewhere",
        answers(SERVER_METADATA, redirect("/x")),
        "issuer metadata",
        "RFC 8414 §3.2",
    ),
    wrong(
        "server metadata broken",
        answers(SERVER_METADATA, html(500)),
        "issuer metadata",
        "RFC 8414 §3.2",
    ),
    wrong(
        "issuer with a slash", server_says(issuer="{issuer}/"), "issuer identical", "RFC 8414 §3.3"
    ),
    wrong(
        "issuer another",
        server_says(issuer="https://evil.example"),
        "issuer identical",
        "RFC 8414 §3.3",
    ),
    wrong(
        "OpenID configuration elsewhere",
        answers(OPENID, redirect("/x")),
        "OpenID configuration",
        "OIDC Discovery §4.2",
    ),
    wrong(
        "OpenID configuration broken",
        answers(OPENID, as_json({}, 503)),
        "OpenID configuration",
        "OIDC Discovery §4.2",
    ),
    wrong(
        "OpenID issuer another",
        answers(OPENID, as_json({"issuer": "x"})),
        "issuer identical",
        "OIDC Discovery §4.3",
    ),
    wrong("documents that differ", another_jwks_uri_for_openid, "documents agree", "RFC 8414 §5"),
    wrong(
        "no response types",
        server_does_not_say("response_types_supported"),
        "required members",
        "RFC 8414 §2",
    ),
    wrong(
        "no token endpoint",
        server_does_not_say("token_endpoint"),
        "required members",
        "RFC 8414 §2",
    ),
    wrong("no keys", server_does_not_say("jwks_uri"), "required members", "RFC 8414 §2"),
    wrong(
        "OpenID without its members",
        server_says(scopes_supported=["openid"]),
        "required members",
        "RFC 8414 §2",
    ),
    wrong(
        "scopes a string", server_says(scopes_supported="openid"), "types of members", "RFC 8414 §2"
    ),
    wrong("scopes a number", server_says(scopes_supported=7), "types of members", "RFC 8414 §2"),
    wrong(
        "endpoint in clear",
        server_says(userinfo_endpoint="http://issuer.example/me"),
        "addresses",
        "RFC 8414 §2",
    ),
    wrong("endpoint no text", server_says(token_endpoint=["x"]), "addresses", "RFC 8414 §2"),
    wrong(
        "endpoint with an escape",
        server_says(jwks_uri="http://127.0.0.1/\x1b[31m"),
        "addresses",
        "RFC 8414 §2",
    ),
    wrong(
        "endpoint not there",
        server_says(userinfo_endpoint="{issuer}/me"),
        "endpoints are there",
        "RFC 8414 §2",
    ),
    wrong(
        "implicit grant",
        server_says(response_types_supported=["code", "id_token token"]),
        "no implicit grant",
        "RFC 9700 §2.1.2",
    ),
    wrong("no PKCE", server_says(authorization_endpoint="{issuer}/api"), "PKCE", "RFC 9700 §2.1.1"),
    wrong(
        "token endpoint in HTML", answers("/token", html(400)), "token endpoint", "RFC 6749 §5.2"
    ),
    wrong(
        "token endpoint not there",
        answers("/token", as_json({}, 404)),
        "token endpoint",
        "RFC 6749 §5.2",
    ),
    wrong(
        "token endpoint gives to anybody",
        answers("/token", as_json({"access_token": "x"})),
        "token endpoint",
        "RFC 6749 §5.2",
    ),
]


@pytest.mark.parametrize(("change", "check", "section"), WRONG)
async def test_what_is_wrong_is_named_with_its_section(
    pair: Pair, examined: Examine, change: Change, check: str, section: str
) -> None:
    change(pair)
    await assert_first_wrong(examined, check, section)
