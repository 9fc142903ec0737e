"""Clients that are known by a metadata document (draft-ietf-oauth-client-id-metadata-document)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from auth_service import revocation
from auth_service.document_cache import AT_A_TIME
from shared.jws import SigningKey
from tests.auth_service.browser_flow.person import CALLBACK, HTML, Person, answer
from tests.auth_service.clients.assertion import Signer
from tests.resource_service.issuer import JwksServer, respond

NATIVE = "http://127.0.0.1/callback"


class DocumentSite:
    """A client's site, with its metadata document."""

    def __init__(self, site: JwksServer) -> None:
        self.site = site
        self.url = f"http://127.0.0.1:{site.port}/client.json"

    def publish(
        self, *, content_type: str = "application/json", headers: str = "", **changes: Any
    ) -> None:
        """Publish a good document, changed; None leaves a member out."""
        usual = {
            "client_id": self.url,
            "client_name": "Far Reader",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        members = {name: value for name, value in {**usual, **changes}.items() if value is not None}
        self.raw(json.dumps(members).encode(), content_type, headers)

    def raw(self, body: bytes, content_type: str = "application/json", headers: str = "") -> None:
        self.site.answer = respond(body, headers=f"Content-Type: {content_type}\r\n{headers}")


@pytest.fixture
async def known(start: Any, register: Any) -> AsyncIterator[Any]:
    async with start(client_id_metadata_documents=True) as issuer:
        await register(issuer.server)
        yield issuer


@pytest.fixture
def document(site: JwksServer) -> DocumentSite:
    document = DocumentSite(site)
    document.publish()
    return document


@pytest.fixture
async def person(known: Any) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(known.app, raise_app_exceptions=False),
        base_url=known.server.settings.issuer,
    ) as http:
        yield Person(http)


async def exchange(issuer: Any, person: Person, code: str, **also: str) -> httpx.Response:
    response: httpx.Response = await issuer.http.post(
        "/token", data={**person.exchange(code), **also}
    )
    return response


def assert_shown(response: httpx.Response, text: str) -> None:
    assert response.status_code == 400, response.text
    assert "location" not in response.headers
    assert text in response.text


async def test_a_client_that_nobody_registered_gets_tokens(
    known: Any, person: Person, document: DocumentSite
) -> None:
    page = await person.authorize(document.url, scope="openid offline_access notes:read")
    assert "to continue to <strong>Far Reader</strong>" in page.text
    page = await person.log_in(page)
    assert "<strong>Far Reader</strong> wants to use your account" in page.text
    # Anybody can call himself what he likes: the host is what is certain.
    assert f"<dd>127.0.0.1:{document.site.port}</dd>" in page.text
    assert await known.server.db.fetchval("SELECT count(*) FROM clients WHERE name ~ 'Far'") == 0
    code = answer(await person.allow(page))["code"]
    tokens = await exchange(known, person, code, client_id=document.url)
    assert tokens.status_code == 200, tokens.text
    refreshed = await known.http.post(
        "/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens.json()["refresh_token"],
            "client_id": document.url,
        },
    )
    assert refreshed.status_code == 200, refreshed.text
    # All of that from one fetch; the second time nothing is asked.
    again = await person.authorize(document.url, scope="openid offline_access notes:read")
    assert answer(again).keys() == {"code", "state", "iss"}
    assert document.site.connections == 1


async def test_a_client_of_ones_own_machine_is_asked_about_every_time(
    person: Person, document: DocumentSite
) -> None:
    document.publish(redirect_uris=[NATIVE])
    for port in (":1234", ":4321"):
        uri = f"http://127.0.0.1{port}/callback"
        page = await person.authorize(document.url, redirect_uri=uri)
        page = await person.log_in(page) if "Log in ·" in page.text else page
        assert "This is an app on your own device" in page.text
        assert (await person.allow(page)).headers["location"].startswith(uri)


async def test_a_client_with_keys(
    known: Any, person: Person, document: DocumentSite, signing_key: SigningKey, signer: Signer
) -> None:
    jwks = {"keys": [signing_key.public_jwk]}
    document.publish(token_endpoint_auth_method="private_key_jwt", jwks=jwks)
    code = await person.code(document.url)
    bare = await exchange(known, person, code, client_id=document.url)
    assert (bare.status_code, bare.json()["error"]) == (401, "invalid_client")
    tokens = await exchange(known, person, code, **signer.form(document.url))
    assert tokens.status_code == 200, tokens.text


async def test_a_pushed_request(known: Any, person: Person, document: DocumentSite) -> None:
    pushed = await known.http.post("/par", data=person.request(document.url))
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": document.url, "request_uri": pushed.json()["request_uri"]}
    assert "Far Reader" in (await person.get("/authorize", query)).text


async def test_only_what_a_person_agrees_to_is_stored(
    known: Any, person: Person, document: DocumentSite
) -> None:
    count = "SELECT count(*) FROM clients WHERE client_id = $1"
    page = await person.log_in(await person.authorize(document.url))
    await person.submit(page, decision="deny")
    assert await known.server.db.fetchval(count, document.url) == 0
    await person.allow(await person.authorize(document.url))
    assert await known.server.db.fetchval(count, document.url) == 1


async def test_a_document_is_kept_as_long_as_it_says_within_bounds(
    person: Person, document: DocumentSite, clock: Any
) -> None:
    document.publish(headers="Cache-Control: max-age=600\r\n")
    await person.authorize(document.url)
    clock.seconds += 599
    await person.authorize(document.url)
    assert document.site.connections == 1
    document.publish(client_name="Renamed", headers="Cache-Control: max-age=9999999\r\n")
    clock.seconds += 1
    assert "Renamed" in (await person.authorize(document.url)).text
    clock.seconds += 3600
    await person.authorize(document.url)
    assert document.site.connections == 3


async def test_what_the_document_no_longer_allows_is_not_allowed(
    person: Person, document: DocumentSite, clock: Any
) -> None:
    await person.code(document.url)
    document.publish(redirect_uris=["https://app.example/other"])
    clock.seconds += 301
    assert_shown(await person.authorize(document.url), "not registered")


async def test_a_disabled_client_stays_disabled_whatever_its_document_says(
    known: Any, person: Person, document: DocumentSite
) -> None:
    code = await person.code(document.url)
    await revocation.disable_client(known.server, document.url)
    assert_shown(await person.authorize(document.url), "not known here")
    response = await exchange(known, person, code, client_id=document.url)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"client_id": "https://other.example/client.json"}, id="another client_id"),
        pytest.param({"client_id": None}, id="no client_id"),
        pytest.param({"client_secret": "x"}, id="a secret"),
        pytest.param({"client_secret_expires_at": 0}, id="when a secret expires"),
        pytest.param({"token_endpoint_auth_method": "client_secret_basic"}, id="by secret"),
        pytest.param({"token_endpoint_auth_method": "client_secret_post"}, id="by secret, post"),
        pytest.param({"token_endpoint_auth_method": "private_key_jwt"}, id="without keys"),
        pytest.param({"redirect_uris": None}, id="no redirect_uris"),
        pytest.param({"redirect_uris": ["http://app.example/"]}, id="http redirect"),
        pytest.param({"redirect_uris": CALLBACK}, id="redirect_uris as a string"),
        pytest.param({"grant_types": ["client_credentials"]}, id="no usable grant"),
        pytest.param({"scope": "admin"}, id="no scope to be had"),
        pytest.param({"jwks_uri": "ftp://app.example/"}, id="jwks_uri"),
        pytest.param({"client_name": "a\0"}, id="NUL in the name"),
        pytest.param({"content_type": "text/html"}, id="HTML by its type"),
    ],
)
async def test_documents_that_are_not_taken(
    known: Any, person: Person, document: DocumentSite, change: dict[str, Any]
) -> None:
    document.publish(**change)
    assert_shown(await person.authorize(document.url), "metadata document is not usable")
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": document.url}
    response = await known.http.post("/token", data=form)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert document.site.connections == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 9999, b'"x"', b"\xff\xfe{}"])
async def test_what_is_no_json_object_is_not_taken(
    person: Person, document: DocumentSite, body: bytes
) -> None:
    document.raw(body)
    assert_shown(await person.authorize(document.url), "not usable: invalid: no JSON object")


async def test_more_specific_json_and_a_method_left_out_will_do(
    person: Person, document: DocumentSite
) -> None:
    document.publish(
        content_type="application/oauth-client+json; charset=utf-8",
        token_endpoint_auth_method=None,
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        frobnicate=1,
    )
    assert "Far Reader" in (await person.authorize(document.url)).text


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        pytest.param(b"", "302 Found", "Location: /other\r\n", id="redirect"),
        pytest.param(b"", "404 Not Found", "", id="404"),
        pytest.param(b" " * 16385, "200 OK", "", id="too long"),
    ],
)
async def test_answers_that_are_no_document_say_nothing_of_where_they_came_from(
    person: Person, document: DocumentSite, body: bytes, status: str, headers: str
) -> None:
    document.site.answer = respond(body, status=status, headers=headers)
    assert_shown(await person.authorize(document.url), "not usable: it cannot be fetched")
    assert document.site.connections == 1


@pytest.mark.parametrize(
    "client_id",
    [
        *("https://client.example", "https://client.example?a=b", "https://client.example/a/../b"),
        *("https://client.example/./b", "https://client.example/%2e%2E/b"),
        *("https://client.example/..", "https://client.example/a#b", "https://u@client.example/a"),
        *("http://client.example\\@evil.example/a", "https://client.example:99999/a"),
    ],
)
async def test_addresses_that_are_no_client_ids(person: Person, client_id: str) -> None:
    assert_shown(await person.authorize(client_id), "not usable: it cannot be fetched")


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[fd00::1]", "0"])
async def test_addresses_in_our_own_network_are_refused_alike(person: Person, host: str) -> None:
    page = await person.authorize(f"https://{host}/client.json")
    assert_shown(page, "not usable: it cannot be fetched")


async def test_without_the_setting_nothing_is_fetched_from_this_machine(
    start: Any, document: DocumentSite
) -> None:
    async with start(client_id_metadata_documents=True, fetch_from_loopback=False) as issuer:
        for url in (document.url, document.url.replace("http:", "https:")):
            query = {"client_id": url, "redirect_uri": CALLBACK, "response_type": "code"}
            response = await issuer.http.get("/authorize", params=query, headers=HTML)
            assert_shown(response, "not usable")
    assert document.site.connections == 0


async def test_they_are_off_by_default_and_the_metadata_say_so(
    start: Any, known: Any, document: DocumentSite
) -> None:
    name = "client_id_metadata_document_supported"
    query = {"client_id": document.url, "redirect_uri": CALLBACK, "response_type": "code"}
    async with start() as issuer:
        for service, expected in ((issuer, False), (known, True)):
            for path in ("openid-configuration", "oauth-authorization-server"):
                metadata = (await service.http.get(f"/.well-known/{path}")).json()
                assert metadata[name] is expected
        response = await issuer.http.get("/authorize", params=query, headers=HTML)
        assert_shown(response, "not known here")
    assert document.site.connections == 0


async def test_a_site_that_is_down_is_503_and_is_not_asked_at_every_request(
    known: Any, person: Person, document: DocumentSite, clock: Any
) -> None:
    code = await person.code(document.url)
    await document.site.stop()
    clock.seconds += 301
    for _ in range(2):
        response = await exchange(known, person, code, client_id=document.url)
        assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    page = await person.authorize(document.url)
    assert page.status_code == 503
    assert "temporarily_unavailable" in page.text
    await document.site.start()
    clock.seconds += 30
    assert (await person.authorize(document.url)).status_code != 503


async def test_many_requests_make_one_fetch(
    known: Any, person: Person, document: DocumentSite
) -> None:
    request = person.request(document.url)
    responses = await asyncio.gather(
        *(known.http.get("/authorize", params=request, headers=HTML) for _ in range(50))
    )
    assert {response.status_code for response in responses} == {303}
    assert document.site.connections == 1


async def test_a_flood_of_addresses_is_bounded(
    known: Any, person: Person, document: DocumentSite
) -> None:
    """So many fetches at a time; whoever comes beyond that may come again."""
    arrived, release = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_reader: Any, _writer: Any) -> None:
        arrived.release()
        await release.wait()

    document.site.answer = slow
    tasks = [
        asyncio.create_task(
            known.http.get("/authorize", params=person.request(f"{document.url}?{n}"), headers=HTML)
        )
        for n in range(AT_A_TIME + 4)
    ]
    done, _ = await asyncio.wait(tasks, timeout=1)
    assert {task.result().status_code for task in done} == {503}
    assert (len(done), document.site.connections) == (4, AT_A_TIME)
    release.set()
    await asyncio.wait(tasks)


async def test_one_address_makes_us_fetch_so_much_and_the_others_are_served(
    start: Any, register: Any, document: DocumentSite, clock: Any
) -> None:
    document.site.answer = respond(b"{}")
    async with start(client_id_metadata_documents=True, address_attempts=3) as issuer:
        await register(issuer.server)

        async def ask(url: str, address: str = "192.0.2.1") -> httpx.Response:
            transport = httpx.ASGITransport(issuer.app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
                query = {"client_id": url, "redirect_uri": CALLBACK, "response_type": "code"}
                return await http.get("/authorize", params=query)

        urls = [f"{document.url}?{number}" for number in range(6)]
        statuses = [(await ask(url)).status_code for url in urls]
        assert statuses == [400, 400, 400, 429, 429, 429]
        refused = await ask(urls[5])
        assert refused.json()["error"] == "too_many_requests"
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["cache-control"] == "no-store"
        form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": urls[5]}
        assert (await issuer.http.post("/token", data=form)).status_code == 401  # from elsewhere
        assert document.site.connections == 4
        assert (await ask(urls[0])).status_code == 400  # which is known by now
        assert (await ask(f"{document.url}?7", "192.0.2.2")).status_code == 400
        clock.seconds += 1
        assert (await ask(f"{document.url}?8")).status_code == 400


async def test_registered_clients_are_found_as_ever(known: Any, document: DocumentSite) -> None:
    response = await known.token(grant_type="client_credentials")
    assert response.status_code == 200
    assert document.site.connections == 0
