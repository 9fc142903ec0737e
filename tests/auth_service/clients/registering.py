"""Registering a client, and managing it, as a client does."""

from typing import Any

import httpx

from tests.auth_service.browser_flow.person import CALLBACK

METADATA = {"client_name": "Reader", "redirect_uris": [CALLBACK], "scope": "openid notes:read"}


async def post(issuer: Any, token: str | None = None, **changes: Any) -> httpx.Response:
    metadata = {**METADATA, **changes}
    response: httpx.Response = await issuer.http.post(
        "/clients", json=metadata, headers=bearer(token)
    )
    return response


async def registered(issuer: Any, **changes: Any) -> dict[str, Any]:
    response = await post(issuer, **changes)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"
    if status == 401:
        assert response.headers["www-authenticate"].startswith("Bearer ")


async def manage(
    issuer: Any,
    method: str,
    client: dict[str, Any],
    token: str | None = None,
    body: dict[str, Any] | None = None,
) -> httpx.Response:
    response: httpx.Response = await issuer.http.request(
        method,
        client["registration_client_uri"],
        headers=bearer(token or client["registration_access_token"]),
        json=body,
    )
    return response


def update_of(client: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**METADATA, "client_id": client["client_id"], **changes}
