"""The resources of these tests, and what tokens for them say."""

from typing import Any

import httpx

from tests.auth_service.browser_flow.person import claims_of

ISSUER = "http://127.0.0.1:8000"
NOTES = "http://127.0.0.1:8080"  # the default one
MCP = "https://mcp.example/mcp"
FILES = "urn:example:files"
UNKNOWN = "https://other.example"


def aud(response: httpx.Response) -> str:
    """Return whom the access token is for that came."""
    assert response.status_code == 200, response.text
    said: str = claims_of(response.json()["access_token"])["aud"]
    return said


def assert_refused(response: httpx.Response, error: str = "invalid_target") -> None:
    assert (response.status_code, response.json()["error"]) == (400, error), response.text
    assert response.headers["cache-control"] == "no-store"


async def state_of_families(issuer: Any) -> list[tuple[str, int, bool]]:
    """Return of each log-in its resource, its generation, and whether it lives."""
    rows = await issuer.server.db.fetch(
        "SELECT resource, generation, revoked_at FROM refresh_token_families ORDER BY created_at"
    )
    return [(row["resource"], row["generation"], row["revoked_at"] is None) for row in rows]
