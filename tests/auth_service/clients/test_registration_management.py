"""What a client may do with its registration (RFC 7592)."""

import asyncio
from typing import Any

import pytest

from auth_service import revocation
from tests.auth_service.browser_flow.person import Person
from tests.auth_service.clients.registering import (
    METADATA,
    assert_refused,
    manage,
    registered,
    update_of,
)


async def test_a_client_reads_what_it_registered(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    response = await manage(open_issuer, "GET", client)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    told_once = {"client_secret", "client_secret_expires_at"}
    assert response.json() == {n: v for n, v in client.items() if n not in told_once}


async def test_a_client_replaces_what_it_registered(open_issuer: Any) -> None:
    client = await registered(open_issuer, contacts=["a@app.example"])
    body = update_of(client, client_name="Other", client_secret=client["client_secret"])
    response = await manage(open_issuer, "PUT", client, body=body)
    assert response.status_code == 200, response.text
    changed = response.json()
    assert changed["client_name"] == "Other"
    assert "contacts" not in changed  # what is left out is unsaid
    assert changed["registration_access_token"] != client["registration_access_token"]
    assert (await manage(open_issuer, "GET", changed)).status_code == 200
    assert_refused(await manage(open_issuer, "GET", client), 401, "invalid_token")
    # The secret is the same as before.
    form, auth = {"token": "x"}, (client["client_id"], client["client_secret"])
    assert (await open_issuer.http.post("/introspect", data=form, auth=auth)).status_code == 200
    events = await open_issuer.server.db.fetch(
        "SELECT event FROM audit_log WHERE client_id = $1 ORDER BY id", client["client_id"]
    )
    assert [row["event"] for row in events] == ["client created", "client changed"]


async def test_a_change_of_method_brings_a_secret_or_takes_it(open_issuer: Any) -> None:
    client = await registered(open_issuer, token_endpoint_auth_method="none")
    assert "client_secret" not in client
    method = {"token_endpoint_auth_method": "client_secret_post"}
    body = update_of(client, **method)
    confidential = (await manage(open_issuer, "PUT", client, body=body)).json()
    assert len(confidential["client_secret"]) == 43
    body = update_of(client, token_endpoint_auth_method="none")
    public = (await manage(open_issuer, "PUT", confidential, body=body)).json()
    assert "client_secret" not in public
    row = "SELECT secret_sha256 FROM clients WHERE client_id = $1"
    assert await open_issuer.server.db.fetchval(row, client["client_id"]) is None


async def test_of_fifty_changes_with_one_token_one_is_made(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    responses = await asyncio.gather(
        *(
            manage(open_issuer, "PUT", client, body=update_of(client, client_name=f"N{n}"))
            for n in range(50)
        )
    )
    (winner,) = [response.json() for response in responses if response.status_code == 200]
    assert {response.status_code for response in responses} == {200, 401}
    assert (await manage(open_issuer, "GET", winner)).json()["client_name"] == winner["client_name"]


async def test_a_client_ends_itself_and_all_that_it_was_given(
    open_issuer: Any, person: Person
) -> None:
    grants = ["authorization_code", "refresh_token"]
    client = await registered(open_issuer, grant_types=grants, scope="openid offline_access")
    auth = (client["client_id"], client["client_secret"])
    code = await person.code(client["client_id"], scope="openid offline_access")
    response = await open_issuer.http.post("/token", data=person.exchange(code), auth=auth)
    access_token = response.json()["access_token"]
    userinfo = {"authorization": f"Bearer {access_token}"}
    assert (await open_issuer.http.get("/userinfo", headers=userinfo)).status_code == 200
    responses = await asyncio.gather(*(manage(open_issuer, "DELETE", client) for _ in range(50)))
    assert sorted(response.status_code for response in responses) == [204] + [401] * 49
    assert (await open_issuer.http.get("/userinfo", headers=userinfo)).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": response.json()["refresh_token"]}
    assert (await open_issuer.http.post("/token", data=form, auth=auth)).status_code == 401
    for method, body in (("GET", None), ("DELETE", None), ("PUT", update_of(client))):
        assert_refused(await manage(open_issuer, method, client, body=body), 401, "invalid_token")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_its_own_token_manages_a_client(open_issuer: Any, method: str) -> None:
    client, other = await registered(open_issuer), await registered(open_issuer)
    body = update_of(client) if method == "PUT" else None
    for token in (other["registration_access_token"], "made-up", client["client_secret"]):
        response = await manage(open_issuer, method, client, token, body)
        assert_refused(response, 401, "invalid_token")
    bare = await open_issuer.http.request(method, client["registration_client_uri"], json=body)
    assert_refused(bare, 401, "unauthorized")
    nobody = {**client, "registration_client_uri": "/clients/nobody"}
    body = {**METADATA, "client_id": "nobody"} if method == "PUT" else None
    assert_refused(await manage(open_issuer, method, nobody, body=body), 401, "invalid_token")
    # Nor does anything manage a client that an administrator made.
    batch = {**client, "registration_client_uri": "/clients/batch"}
    body = {**METADATA, "client_id": "batch"} if method == "PUT" else None
    assert_refused(await manage(open_issuer, method, batch, body=body), 401, "invalid_token")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"client_id": "other"}, "invalid_request", id="another client_id"),
        pytest.param({"client_id": None}, "invalid_client_metadata", id="no client_id"),
        pytest.param({"client_secret": "wrong"}, "invalid_client_metadata", id="wrong secret"),
        pytest.param({"redirect_uris": []}, "invalid_redirect_uri", id="no redirect URI"),
        pytest.param({"grant_types": ["password"]}, "invalid_client_metadata", id="password"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    open_issuer: Any, change: dict[str, Any], error: str
) -> None:
    client = await registered(open_issuer)
    response = await manage(open_issuer, "PUT", client, body=update_of(client, **change))
    assert_refused(response, 400, error)
    assert (await manage(open_issuer, "GET", client)).json()["client_name"] == "Reader"


async def test_a_disabled_client_does_not_manage_itself(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    await revocation.disable_client(open_issuer.server, client["client_id"])
    for method, body in (("GET", None), ("DELETE", None), ("PUT", update_of(client))):
        assert_refused(await manage(open_issuer, method, client, body=body), 401, "invalid_token")
