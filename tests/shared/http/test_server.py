"""Whose address a request has."""

from collections.abc import Sequence

import httpx
import pytest

from tests.served import caller, served


async def seen(trusted_proxies: Sequence[str], *forwarded: str) -> str:
    """Return the address that the application sees."""
    headers = [("x-forwarded-for", value) for value in forwarded]
    async with served(caller, trusted_proxies) as port, httpx.AsyncClient(trust_env=False) as http:
        return str((await http.get(f"http://127.0.0.1:{port}", headers=headers)).json())


@pytest.mark.parametrize(
    "trusted_proxies",
    [
        pytest.param((), id="nobody"),
        pytest.param(("10.0.0.1", "192.0.2.0/24"), id="somebody else"),
    ],
)
async def test_a_stranger_cannot_say_who_he_is(
    monkeypatch: pytest.MonkeyPatch, trusted_proxies: Sequence[str]
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own, which we do not read
    assert await seen(trusted_proxies, "203.0.113.7") == "127.0.0.1"


@pytest.mark.parametrize("trusted_proxies", [("127.0.0.1",), ("127.0.0.0/8", "10.0.0.0/8")])
async def test_a_trusted_proxy_says_who_called_it(trusted_proxies: Sequence[str]) -> None:
    assert await seen(trusted_proxies, "203.0.113.7") == "203.0.113.7"


async def test_what_the_caller_told_the_proxy_does_not_count() -> None:
    assert await seen(["127.0.0.1"], "198.51.100.1, 203.0.113.7") == "203.0.113.7"
    assert await seen(["127.0.0.1"], "198.51.100.1", "203.0.113.7") == "203.0.113.7"


async def test_of_a_chain_of_trusted_proxies_the_last_stranger_counts() -> None:
    chain = "198.51.100.1, 203.0.113.7, 10.0.0.1"
    assert await seen(["127.0.0.1", "10.0.0.0/8"], chain) == "203.0.113.7"


async def test_without_the_header_it_is_the_proxy_itself() -> None:
    assert await seen(["127.0.0.1"]) == "127.0.0.1"
