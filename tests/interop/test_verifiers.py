"""Verifiers of others: they take our tokens and refuse our forgeries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.ports import free_ports
from tests.interop.conftest import RunNode, listening
from tests.interop.forgeries import forgeries, header_of, public_pem
from tests.secure_site import SecureSite

CONFIGURATION = Path(__file__).with_name("haproxy.cfg")


@dataclass(frozen=True)
class Tokens:
    """A good token, whose it is, the key it was signed with, and what can be made from it."""

    good: str
    sub: str
    jwk: dict[str, Any]
    forged: dict[str, str]


@pytest.fixture
async def tokens(site: SecureSite) -> Tokens:
    demo = site.stack.demo
    form = {
        "grant_type": "password",
        "username": demo["DEMO_USERNAME"],
        "password": demo["DEMO_PASSWORD"],
        "scope": "openid notes:read",
    }
    async with httpx.AsyncClient(verify=site.proxy.trust(), trust_env=False) as http:
        basic = (demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"])
        response = (await http.post(f"{site.issuer}/token", data=form, auth=basic)).json()
        header = {"authorization": f"Bearer {response['access_token']}"}
        userinfo = (await http.get(f"{site.issuer}/userinfo", headers=header)).json()
        keys = (await http.get(f"{site.issuer}/.well-known/jwks.json")).json()["keys"]
    good = response["access_token"]
    jwk = next(key for key in keys if key["kid"] == header_of(good)["kid"])
    return Tokens(good, userinfo["sub"], jwk, forgeries(good, response["id_token"], jwk))


@pytest.fixture
async def haproxy(
    site: SecureSite, tokens: Tokens, program: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[str]:
    key, configuration, (port,) = tmp_path / "key.pem", tmp_path / "haproxy.cfg", free_ports(1)
    key.write_bytes(public_pem(tokens.jwk))
    text = CONFIGURATION.read_text()
    values = {"PORT": port, "KEY": key, "ISSUER": site.issuer, "AUDIENCE": site.stack.api_url}
    for name, value in values.items():
        text = text.replace(name, str(value))
    configuration.write_text(text)
    process = await asyncio.create_subprocess_exec(
        program("haproxy"), "-f", str(configuration), "-db", "-q"
    )
    await listening(port, process)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    await process.wait()


async def test_jose_takes_our_tokens_and_no_forgery(
    site: SecureSite, tokens: Tokens, run_node: RunNode
) -> None:
    verdicts = await run_node(
        "jose.mjs",
        jwks_uri=f"{site.issuer}/.well-known/jwks.json",
        resource=site.stack.api_url,
        tokens={"good": tokens.good, **tokens.forged},
    )
    assert verdicts.pop("good") == tokens.sub
    assert verdicts.keys() == tokens.forged.keys()
    assert all(verdict.startswith("ERR_J") for verdict in verdicts.values()), verdicts


async def test_haproxy_takes_our_tokens_and_no_forgery(haproxy: str, tokens: Tokens) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        good = await http.get(haproxy, headers={"authorization": f"Bearer {tokens.good}"})
        assert (good.status_code, good.text) == (200, tokens.sub)
        assert (await http.get(haproxy)).status_code == 401
        for name, forged in tokens.forged.items():
            answer = await http.get(haproxy, headers={"authorization": f"Bearer {forged}"})
            assert answer.status_code == 401, name


async def test_our_own_gate_takes_the_same(site: SecureSite, tokens: Tokens) -> None:
    """So the forgeries are forgeries, and not only something that the others cannot read."""
    url = f"{site.stack.api_url}/whoami"
    async with httpx.AsyncClient(trust_env=False) as http:
        good = await http.get(url, headers={"authorization": f"Bearer {tokens.good}"})
        assert (good.status_code, good.json()["sub"]) == (200, tokens.sub)
        for name, forged in tokens.forged.items():
            answer = await http.get(url, headers={"authorization": f"Bearer {forged}"})
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), name
