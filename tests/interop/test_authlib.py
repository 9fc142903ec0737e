"""PyPI's authlib as a client: on its own, and as web applications use it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from starlette.requests import Request

from tests.interop.conftest import SCOPE, MakeClient, Somebody
from tests.interop.keys import jwk_set, key_pair
from tests.secure_site import SecureSite

CALLBACK = "http://127.0.0.1:5556/callback"
REDIRECT = ("--redirect-uri", "http://127.0.0.1/callback")


@pytest.fixture
async def metadata(site: SecureSite) -> dict[str, Any]:
    async with httpx.AsyncClient(verify=site.proxy.trust(), trust_env=False) as http:
        answer = await http.get(f"{site.issuer}/.well-known/openid-configuration")
    document: dict[str, Any] = answer.json()
    return document


@pytest.fixture
async def client(site: SecureSite, make_client: MakeClient) -> AsyncIterator[AsyncOAuth2Client]:
    made = await make_client("authlib", *REDIRECT)
    async with AsyncOAuth2Client(
        "authlib",
        made["client_secret"],
        scope=SCOPE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        verify=site.proxy.trust(),
        trust_env=False,
    ) as client:
        yield client


async def log_in(client: AsyncOAuth2Client, metadata: dict[str, Any], person: Somebody) -> Any:
    verifier = generate_token(48)
    url, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier
    )
    back = await person.go_through(url)
    return await client.fetch_token(
        metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )


async def test_it_does_all_that_it_can(
    site: SecureSite, client: AsyncOAuth2Client, metadata: dict[str, Any], person: Somebody
) -> None:
    tokens = await log_in(client, metadata, person)
    userinfo = (await client.get(metadata["userinfo_endpoint"])).json()
    assert userinfo["preferred_username"] == site.stack.demo["DEMO_USERNAME"]
    whoami = await client.get(f"{site.stack.api_url}/whoami")
    assert (whoami.status_code, whoami.json()["sub"]) == (200, userinfo["sub"])
    refreshed = await client.refresh_token(metadata["token_endpoint"])
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    endpoint, token = metadata["introspection_endpoint"], refreshed["access_token"]
    assert (await client.introspect_token(endpoint, token)).json()["active"] is True
    await client.revoke_token(metadata["revocation_endpoint"], refreshed["refresh_token"])
    assert (await client.introspect_token(endpoint, token)).json() == {"active": False}
    with pytest.raises(OAuthError, match="invalid_grant"):
        await client.refresh_token(metadata["token_endpoint"], refreshed["refresh_token"])


async def test_a_client_with_a_key(
    site: SecureSite, make_client: MakeClient, metadata: dict[str, Any], tmp_path: Path
) -> None:
    private, jwk = key_pair()
    keys = tmp_path / "keys.json"
    keys.write_text(jwk_set(jwk))
    await make_client("authlib-keyed", *REDIRECT, "--jwks-file", str(keys))
    headers, endpoint = {"kid": jwk["kid"]}, metadata["token_endpoint"]
    async with AsyncOAuth2Client(
        "authlib-keyed", private, verify=site.proxy.trust(), trust_env=False
    ) as client:
        client.token_endpoint_auth_method = PrivateKeyJWT(site.issuer, headers=headers)
        tokens = await client.fetch_token(endpoint, grant_type="client_credentials")
        assert tokens["token_type"] == "Bearer"
        # The library would have the endpoint for an audience; ours is the issuer (RFC 9700 §2.5).
        client.token_endpoint_auth_method = PrivateKeyJWT(endpoint, headers=headers)
        with pytest.raises(OAuthError, match="invalid_client"):
            await client.fetch_token(endpoint, grant_type="client_credentials")


async def test_a_web_application(
    site: SecureSite, make_client: MakeClient, person: Somebody
) -> None:
    """Discovery, PKCE, `nonce` and `iss`, and the ID token checked against the published keys."""
    made = await make_client("authlib-web", *REDIRECT)
    oauth = OAuth()
    oauth.register(
        "sealgate",
        client_id="authlib-web",
        client_secret=made["client_secret"],
        server_metadata_url=f"{site.issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile",
            "code_challenge_method": "S256",
            "verify": site.proxy.trust(),
            "trust_env": False,
        },
    )
    session: dict[str, Any] = {}
    begun = await oauth.sealgate.authorize_redirect(request(session), CALLBACK)
    back = await person.go_through(begun.headers["location"])
    tokens = await oauth.sealgate.authorize_access_token(request(session, urlsplit(back).query))
    username = site.stack.demo["DEMO_USERNAME"]
    assert tokens["userinfo"]["iss"] == site.issuer
    userinfo = await oauth.sealgate.userinfo(token=tokens)
    assert (userinfo["sub"], userinfo["preferred_username"]) == (
        tokens["userinfo"]["sub"],
        username,
    )


def request(session: dict[str, Any], query: str = "") -> Request:
    """Return what a web framework hands to the library."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/callback",
            "query_string": query.encode(),
            "headers": [],
            "session": session,
        }
    )
