"""What a request may name as `resource` (RFC 8707 §2), at every endpoint that takes one."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.auth_service.browser_flow.person import HTML, Person, answer
from tests.auth_service.browser_flow.resources.resources import (
    FILES,
    ISSUER,
    MCP,
    NOTES,
    UNKNOWN,
    assert_refused,
    aud,
)
from tests.auth_service.conftest import PASSWORD, SECRET

GRANTS = {
    "client_credentials": {"grant_type": "client_credentials"},
    "password": {"grant_type": "password", "username": "alice", "password": PASSWORD},
}
WRONG = [
    pytest.param(UNKNOWN, id="unknown"),
    pytest.param(f"{MCP}/", id="with a slash"),
    pytest.param("https://mcp.example", id="without its path"),
    pytest.param("https://MCP.example/mcp", id="another spelling"),
    pytest.param(f"{MCP}#x", id="with a fragment"),
    pytest.param(f"{MCP} {FILES}", id="two in one"),
]


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("resource", ["", NOTES, MCP, FILES])
async def test_the_token_is_for_the_resource_that_was_named_or_for_the_default_one(
    issuer: Any, grant: str, resource: str
) -> None:
    assert aud(await issuer.token("web", resource=resource, **GRANTS[grant])) == (resource or NOTES)


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("resource", WRONG)
async def test_no_token_is_issued_for_anything_else(issuer: Any, grant: str, resource: str) -> None:
    assert_refused(await issuer.token("web", resource=resource, **GRANTS[grant]))
    assert await issuer.server.db.fetchval("SELECT count(*) FROM refresh_token_families") == 0


async def test_a_client_that_names_two_resources_is_refused(issuer: Any) -> None:
    response = await issuer.http.post(
        "/token",
        content=f"grant_type=client_credentials&resource={MCP}&resource={NOTES}",
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=("batch", SECRET),
    )
    assert_refused(response, "invalid_request")


async def test_admin_means_something_at_the_issuer_only(issuer: Any) -> None:
    grant = GRANTS["client_credentials"]
    assert aud(await issuer.token(scope="admin", **grant)) == ISSUER
    for resource in (NOTES, MCP):
        response = await issuer.token(scope="admin", resource=resource, **grant)
        assert_refused(response, "invalid_scope")
    response = await issuer.token(scope="notes:read", resource=ISSUER, **grant)
    assert_refused(response, "invalid_scope")


@pytest.mark.parametrize("resource", [*WRONG, pytest.param(ISSUER, id="the issuer")])
async def test_the_authorization_endpoint_sends_the_client_the_error(
    person: Person, resource: str
) -> None:
    # `grant_type` means nothing here, whatever it says.
    request = person.request(resource=resource, grant_type="client_credentials")
    by_query = await person.http.get("/authorize", params=request, headers=HTML)
    by_form = await person.http.post("/authorize", data=request, headers=HTML)
    for response in (by_query, by_form):
        assert answer(response)["error"] == "invalid_target"
        assert answer(response)["iss"] == ISSUER


@pytest.mark.parametrize("resource", [*WRONG, pytest.param(ISSUER, id="the issuer")])
async def test_a_pushed_request_for_it_is_refused_at_once(
    app: Any, person: Person, resource: str
) -> None:
    request = person.request(resource=resource, grant_type="client_credentials")
    assert_refused(await app.http.post("/par", data=request, auth=("app", SECRET)))
    kept = "SELECT count(*) FROM pushed_authorization_requests"
    assert await app.server.db.fetchval(kept) == 0


async def test_the_authorization_endpoint_takes_one_resource(person: Person) -> None:
    query = urlencode([*person.request(resource=MCP).items(), ("resource", NOTES)])
    response = await person.http.get(f"/authorize?{query}", headers=HTML)
    assert answer(response)["error"] == "invalid_request"


@pytest.mark.parametrize("how", ["query", "form", "pushed"])
async def test_what_is_named_at_the_authorization_endpoint_is_what_the_token_is_for(
    app: Any, person: Person, how: str
) -> None:
    request = person.request(resource=MCP)
    if how == "pushed":
        pushed = await app.http.post("/par", data=request, auth=("app", SECRET))
        # What the browser brings does not count.
        request = {"client_id": "app", "resource": FILES, **pushed.json()}
    if how == "form":
        page = await person.follow(await person.http.post("/authorize", data=request, headers=HTML))
    else:
        page = await person.get("/authorize", request)
    response = await person.allow(await person.log_in(page))
    assert aud(await app.token("app", **person.exchange(answer(response)["code"]))) == MCP
