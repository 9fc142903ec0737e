"""Whose request it is, for counting; and a proxy in front that nobody has named."""

import logging
from typing import Any

import httpx
import pytest
from fastapi import Request

from auth_service.endpoints.address import address_of
from tests.auth_service.conftest import SECRET
from tests.served import served

FORM = {"grant_type": "client_credentials", "client_id": "batch", "client_secret": SECRET}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "TRUSTED_PROXIES" in record.getMessage()
    ]


async def ask(issuer: Any, **headers: str) -> None:
    """Get a token, from an address of its own."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(issuer.app, client=("10.0.0.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        assert (await http.post("/token", data=FORM, headers=named)).status_code == 200


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="IPv4"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="one household"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", id="mapped"),
        pytest.param("unknown", "unknown", id="what a proxy may say"),
        pytest.param(None, "", id="no address"),
    ],
)
def test_the_address_that_counts(host: str | None, counted: str) -> None:
    client = None if host is None else (host, 1)
    assert address_of(Request({"type": "http", "client": client, "headers": []})) == counted


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        pytest.param({"x_forwarded_for": "203.0.113.9"}, "X-Forwarded-For", id="one"),
        pytest.param({"x_forwarded_for": "203.0.113.9, 10.0.0.8"}, "X-Forwarded-For", id="two"),
        pytest.param({"forwarded": "for=203.0.113.9"}, "Forwarded", id="RFC 7239"),
        pytest.param({"forwarded": "for=10.0.0.7"}, "Forwarded", id="RFC 7239, which is not read"),
    ],
)
async def test_a_proxy_that_is_not_trusted_is_told_of_once_an_hour(
    issuer: Any,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    named: str,
) -> None:
    for _ in range(5):
        await ask(issuer, **headers)
    (warning,) = warnings(caplog)
    assert warning.startswith(f"requests come from 10.0.0.7 with {named}, which is not read")
    assert "203.0.113.9" not in warning
    clock.seconds += 3599
    await ask(issuer, **headers)
    assert len(warnings(caplog)) == 1
    clock.seconds += 1
    await ask(issuer, **headers)
    assert len(warnings(caplog)) == 2


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no proxy"),
        pytest.param({"x_forwarded_for": "198.51.100.1, 10.0.0.7"}, id="believed"),
        pytest.param({"x_forwarded_for": "10.0.0.7:5123"}, id="with a port"),
        pytest.param({"x_forwarded_for": "[10.0.0.7]:5123"}, id="in brackets"),
    ],
)
async def test_there_is_no_warning_without_reason(
    issuer: Any, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    await ask(issuer, **headers)
    assert warnings(caplog) == []


@pytest.mark.parametrize(("trusted", "count"), [(["127.0.0.1"], 0), (["10.0.0.7"], 1), ([], 1)])
async def test_over_a_socket_it_depends_on_who_is_trusted(
    issuer: Any, caplog: pytest.LogCaptureFixture, trusted: list[str], count: int
) -> None:
    async with served(issuer.app, trusted) as port, httpx.AsyncClient(trust_env=False) as http:
        for client in ("203.0.113.9", "203.0.113.9, 203.0.113.10", "2001:db8::1"):
            headers = {"x-forwarded-for": client}
            answer = await http.post(f"http://127.0.0.1:{port}/token", data=FORM, headers=headers)
            assert answer.status_code == 200
    assert len(warnings(caplog)) == count
