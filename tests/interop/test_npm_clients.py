"""npm's openid-client and oauth4webapi, unchanged: all that they can do with this issuer."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interop.conftest import SCOPE, MakeClient, RunNode
from tests.interop.keys import jwk_set, key_pair
from tests.secure_site import SecureSite

REDIRECT = ("--redirect-uri", "http://127.0.0.1/callback")
SCRIPTS = ("openid_client.mjs", "oauth4webapi.mjs")


async def check(site: SecureSite, client_id: str, result: dict[str, Any]) -> None:
    """What the library found must be so on our side as well."""
    username = site.stack.demo["DEMO_USERNAME"]
    assert result["userinfo"]["preferred_username"] == username
    assert result["before"]["active"] is True
    assert result["before"]["client_id"] == client_id
    assert result["after"] == {"active": False}
    async with httpx.AsyncClient(trust_env=False) as http:
        for token in filter(None, map(result.get, ("access_token", "own", "device"))):
            header = {"authorization": f"Bearer {token}"}
            answer = await http.get(f"{site.stack.api_url}/whoami", headers=header)
            assert (answer.status_code, answer.json()["client_id"]) == (200, client_id)


@pytest.mark.parametrize("discovery", ["oidc", "oauth2"])
@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_client_with_a_secret(
    site: SecureSite, make_client: MakeClient, run_node: RunNode, script: str, discovery: str
) -> None:
    client_id = f"{script.partition('.')[0]}-{discovery}"
    made = await make_client(client_id, *REDIRECT)
    result = await run_node(
        script,
        client_id=client_id,
        client_secret=made["client_secret"],
        scope=SCOPE,
        resource=site.stack.api_url,
        discovery=discovery,
    )
    await check(site, client_id, result)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_client_with_a_key(
    site: SecureSite, make_client: MakeClient, run_node: RunNode, tmp_path: Path, script: str
) -> None:
    client_id = f"{script.partition('.')[0]}-keyed"
    private, jwk = key_pair()
    keys = tmp_path / "keys.json"
    keys.write_text(jwk_set(jwk))
    await make_client(client_id, *REDIRECT, "--jwks-file", str(keys))
    result = await run_node(
        script,
        client_id=client_id,
        private_key=private,
        kid=jwk["kid"],
        scope=SCOPE,
        resource=site.stack.api_url,
        discovery="oidc",
    )
    await check(site, client_id, result)


async def test_a_client_that_registers_itself(site: SecureSite, run_node: RunNode) -> None:
    result = await run_node("openid_client.mjs", scope=SCOPE, discovery="oidc")
    await check(site, result["client_id"], result)
