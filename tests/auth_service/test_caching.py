"""No answer is stored by a cache, but for what is public anyway."""

import re
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from tests.auth_service.browser_flow.person import HTML

# What may be stored, and what says nothing of anybody.
PUBLIC = {
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/status-lists",
    "/status-lists/{number}",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/docs",
    "/docs/oauth2-redirect",
    "/openapi.json",
}


def operations(app: Any) -> list[tuple[str, str]]:
    """Every method and path, but for what is public."""
    return [
        (method, route.path or "")
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
        if route.path not in PUBLIC and not (route.path or "").startswith(("/pages/", "/docs"))
    ]


@pytest.mark.parametrize("accept", [{}, HTML], ids=["program", "browser"])
async def test_no_answer_is_stored_whoever_asks_and_whatever_for(
    issuer: Any, accept: dict[str, str]
) -> None:
    asked = 0
    for method, template in operations(issuer.app):
        path = re.sub(r"\{[^}]*\}", "x", template)
        for body in (b"", b"x=1&x=1"):
            form = {"content-type": "application/x-www-form-urlencoded"} if body else {}
            headers = {**accept, **form}
            answer = await issuer.http.request(method, path, content=body, headers=headers)
            told = answer.headers.get("cache-control")
            assert told == "no-store", (method, path, answer.status_code, told)
            asked += 1
    assert asked > 80
