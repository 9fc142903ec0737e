"""Pushed authorization requests (RFC 9126)."""

import asyncio
import hashlib
from typing import Any

import httpx
import pytest

from auth_service import pushed_requests
from auth_service.store import clients
from auth_service.store.clients import Client
from tests.auth_service.browser_flow.person import CALLBACK, HTML, Person, answer
from tests.auth_service.clients.assertion import Signer
from tests.auth_service.conftest import SECRET


@pytest.fixture
async def par(app: Any) -> Any:
    """The issuer with a client of each kind."""

    async def add(client_id: str, **changes: Any) -> None:
        values: dict[str, Any] = {
            "client_id": client_id,
            "name": f"The {client_id}",
            "secret_sha256": hashlib.sha256(SECRET.encode()).digest(),
            "grant_types": frozenset({"authorization_code"}),
            "scope": frozenset({"openid", "notes:read"}),
            "first_party": False,
            "created_at": app.server.time(),
            "disabled_at": None,
            "redirect_uris": (CALLBACK,),
            **changes,
        }
        assert await clients.add(app.server.db, Client(**values))

    await add("app")
    await add("two")
    await add("spa", secret_sha256=None)
    await add("strict", require_pushed_authorization_requests=True)
    keys = {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": (await _find(app, "keyed")).jwks,
    }
    await add("signed", secret_sha256=None, **keys)
    return app


async def _find(app: Any, client_id: str) -> Client:
    found = await clients.find(app.server.db, client_id)
    assert found is not None
    return found


@pytest.fixture
async def person(par: Any) -> Any:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(par.app, raise_app_exceptions=False),
        base_url=par.server.settings.issuer,
    ) as http:
        yield Person(http)


async def push(app: Any, person: Person, client_id: str = "app", **also: Any) -> httpx.Response:
    """Push a good request, changed, by Basic."""
    data = person.request(client_id, **also)
    response: httpx.Response = await app.http.post("/par", data=data, auth=(client_id, SECRET))
    return response


async def pushed(app: Any, person: Person, client_id: str = "app", **also: Any) -> dict[str, str]:
    """Return the parameters for `/authorize`."""
    response = await push(app, person, client_id, **also)
    assert response.status_code == 201, response.text
    return {"client_id": client_id, "request_uri": response.json()["request_uri"]}


def assert_shown(response: httpx.Response) -> None:
    assert response.status_code == 400
    assert "invalid_request_uri" in response.text
    assert "location" not in response.headers


async def test_the_whole_way(par: Any, person: Person) -> None:
    response = await push(par, person, scope="openid notes:read", nonce="n0nce")
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    assert response.json().keys() == {"request_uri", "expires_in"}
    assert response.json()["expires_in"] == 60
    uri = response.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:")
    page = await person.get("/authorize", {"client_id": "app", "request_uri": uri})
    back = answer(await person.allow(await person.log_in(page)))
    assert back["state"] == "st4te"
    tokens = await par.token("app", **person.exchange(back["code"]))
    assert tokens.json()["scope"] == "notes:read openid"


async def test_a_form_at_authorize_may_bring_it_too(par: Any, person: Person) -> None:
    query = await pushed(par, person)
    page = await person.follow(await person.http.post("/authorize", data=query, headers=HTML))
    assert "The app" in page.text
    assert_shown(await person.http.post("/authorize", data=query, headers=HTML))


async def test_every_way_to_authenticate_will_do(par: Any, person: Person, signer: Signer) -> None:
    for client_id, credentials in (
        ("app", {"client_secret": SECRET}),
        ("spa", {}),
        ("signed", signer.form("signed")),
    ):
        data = {**person.request(client_id), **credentials}
        response = await par.http.post("/par", data=data)
        assert response.status_code == 201, response.text
    # The assertion says who it is.
    data = {**person.request("signed"), **signer.form("signed"), "client_id": ""}
    response = await par.http.post("/par", data=data)
    query = {"client_id": "signed", "request_uri": response.json()["request_uri"]}
    assert "The signed" in (await person.get("/authorize", query)).text


async def test_nothing_secret_is_kept(par: Any, person: Person, signer: Signer) -> None:
    await par.http.post("/par", data={**person.request("signed"), **signer.form("signed")})
    await par.http.post("/par", data={**person.request("app"), "client_secret": SECRET})
    rows = await par.server.db.fetch("SELECT parameters FROM pushed_authorization_requests")
    assert len(rows) == 2
    for row in rows:
        assert SECRET not in row["parameters"]
        assert "client_assertion" not in row["parameters"]


@pytest.mark.parametrize(
    ("client_id", "credentials"),
    [
        pytest.param("app", {}, id="no secret"),
        pytest.param("app", {"client_secret": "wrong"}, id="wrong secret"),
        pytest.param("nobody", {"client_secret": "x"}, id="unknown client"),
        pytest.param("spa", {"client_secret": "x"}, id="a public client with a secret"),
    ],
)
async def test_a_client_that_does_not_prove_who_it_is(
    par: Any, person: Person, client_id: str, credentials: dict[str, str]
) -> None:
    response = await par.http.post("/par", data={**person.request(client_id), **credentials})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"request_uri": "urn:x"}, "invalid_request", id="request_uri"),
        pytest.param({"request": "e30."}, "request_not_supported", id="request"),
        pytest.param({"redirect_uri": "https://evil.example/"}, "invalid_request", id="redirect"),
        pytest.param({"redirect_uri": None}, "invalid_request", id="no redirect_uri"),
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="token"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no PKCE"),
        pytest.param({"scope": "notes:eat"}, "invalid_scope", id="scope"),
        pytest.param({"resource": "https://other.example"}, "invalid_target", id="resource"),
        pytest.param({"client_id": "two"}, "invalid_request", id="another client_id"),
        pytest.param({"registration": "{}"}, "registration_not_supported", id="registration"),
    ],
)
async def test_what_authorize_would_refuse_is_refused_at_once(
    par: Any, person: Person, change: dict[str, Any], error: str
) -> None:
    data = person.request(**change)
    response = await par.http.post("/par", data=data, auth=("app", SECRET))
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert response.headers["cache-control"] == "no-store"
    assert await par.server.db.fetchval("SELECT count(*) FROM pushed_authorization_requests") == 0


async def test_a_request_uri_works_once_however_many_come_at_the_same_time(
    par: Any, person: Person
) -> None:
    query = await pushed(par, person)
    responses = await asyncio.gather(
        *(person.http.get("/authorize", params=query, headers=HTML) for _ in range(50))
    )
    assert sorted(response.status_code for response in responses) == [303] + [400] * 49
    for response in responses:
        if response.status_code == 400:
            assert_shown(response)


async def test_a_request_uri_that_is_not_taken_is_shown_and_goes_nowhere(
    par: Any, person: Person, clock: Any
) -> None:
    query = await pushed(par, person)
    uri = query["request_uri"]
    for wrong in (
        {**query, "client_id": "two"},
        {**query, "request_uri": uri + "x"},
        {**query, "request_uri": uri[:-1]},
        {**query, "request_uri": "urn:ietf:params:oauth:request_uri:"},
        # What else it brings may not lead us to redirect.
        person.request(request_uri=uri + "x"),
    ):
        assert_shown(await person.http.get("/authorize", params=wrong, headers=HTML))
    clock.seconds += 60
    assert_shown(await person.http.get("/authorize", params=query, headers=HTML))


async def test_another_client_does_not_use_it_up(par: Any, person: Person) -> None:
    query = await pushed(par, person)
    await person.get("/authorize", {**query, "client_id": "two"})
    assert "The app" in (await person.get("/authorize", query)).text


async def test_a_request_uri_without_a_client_id_is_refused(par: Any, person: Person) -> None:
    query = await pushed(par, person)
    response = await person.get("/authorize", {"request_uri": query["request_uri"]})
    assert response.status_code == 400
    assert "client_id is missing" in response.text


async def test_nothing_that_the_browser_brings_counts(par: Any, person: Person) -> None:
    query = await pushed(par, person, scope="openid")
    more = {"scope": "openid notes:read", "state": "other", "prompt": "none", "nonce": "other"}
    more["redirect_uri"] = "https://evil.example/"
    page = await person.get("/authorize", {**query, **more})
    back = await person.allow(await person.log_in(page))
    assert back.headers["location"].startswith(CALLBACK)
    assert answer(back)["state"] == "st4te"
    tokens = await par.token("app", **person.exchange(answer(back)["code"]))
    assert tokens.json()["scope"] == "openid"


async def test_a_client_that_has_to_push_its_requests_must(par: Any, person: Person) -> None:
    data = person.request("strict")
    for response in (
        await person.http.get("/authorize", params=data, headers=HTML),
        await person.http.post("/authorize", data=data, headers=HTML),
    ):
        assert answer(response)["error"] == "invalid_request"
    page = await person.get("/authorize", await pushed(par, person, "strict"))
    assert "code" in answer(await person.allow(await person.log_in(page)))


async def test_requests_are_forgotten_when_they_expire(
    par: Any, person: Person, clock: Any
) -> None:
    await pushed(par, person)
    for seconds, left in ((59, 1), (1, 0)):
        clock.seconds += seconds
        await pushed_requests.forget(par.server)
        count = "SELECT count(*) FROM pushed_authorization_requests"
        assert await par.server.db.fetchval(count) == left


async def test_the_command_registers_such_a_client(run: Any) -> None:
    words = ("clients", "create", "strict", "--name", "S", "--grant", "authorization_code")
    where = ("--redirect-uri", CALLBACK, "--scope", "openid", "--require-par", "--json")
    assert (await run(*words, *where))[0] == 0


async def test_public_clients_cannot_fill_the_database(
    par: Any, person: Person, start: Any
) -> None:
    async with start(address_attempts=2) as few:
        statuses = []
        for _ in range(25):
            response = await few.http.post("/par", data=person.request("spa"))
            statuses.append(response.status_code)
        assert (statuses[0], statuses[-1]) == (201, 429)
        # A client that proves who it is answers for itself.
        data, auth = person.request("app"), ("app", SECRET)
        assert (await few.http.post("/par", data=data, auth=auth)).status_code == 201
    del par
