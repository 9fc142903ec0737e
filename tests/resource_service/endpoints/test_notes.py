"""Notes: owned, paged, and 503 when their database is out of reach."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from resource_service.app import create_app
from resource_service.settings import Settings
from stack.postgres import EmbeddedPostgres
from tests.resource_service.issuer import Sign, client, refused, until

JSON = {"content-type": "application/json"}


@pytest.fixture
def stored(settings: Settings, resource_database_url: str) -> Settings:
    return settings.model_copy(update={"database_url": SecretStr(resource_database_url)})


@pytest.fixture
async def alice(stored: Settings, sign: Sign) -> AsyncIterator[httpx.AsyncClient]:
    """The service with a database, called with Alice's token."""
    async with client(create_app(stored)) as http:
        http.headers["authorization"] = f"Bearer {sign()}"
        await ready(http)
        yield http


async def ready(http: httpx.AsyncClient) -> None:
    async def answers() -> bool:
        return (await http.get("/notes")).status_code == 200

    await until(answers)


async def write(http: httpx.AsyncClient, title: str = "Milk", body: str = "Two litres") -> Any:
    response = await http.post("/notes", json={"title": title, "body": body})
    assert response.status_code == 201
    return response.json()


async def test_a_note_is_written_read_rewritten_and_deleted(alice: httpx.AsyncClient) -> None:
    created = await alice.post("/notes", json={"title": "Milk", "body": "Two litres"})
    note = created.json()
    assert created.status_code == 201
    assert created.headers["location"] == f"/notes/{note['id']}"
    assert (note["title"], note["body"]) == ("Milk", "Two litres")
    read = await alice.get(created.headers["location"])
    assert (read.status_code, read.json()) == (200, note)
    rewritten = await alice.put(f"/notes/{note['id']}", json={"title": "Bread"})
    assert rewritten.status_code == 200
    assert (rewritten.json()["title"], rewritten.json()["body"]) == ("Bread", "")
    assert rewritten.json()["created_at"] == note["created_at"]
    assert rewritten.json()["updated_at"] > note["updated_at"]
    deleted = await alice.delete(f"/notes/{note['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert refused(await alice.get(f"/notes/{note['id']}")) == (404, "not_found")
    assert refused(await alice.delete(f"/notes/{note['id']}")) == (404, "not_found")


async def test_pages_hold_every_note_once_in_the_order_of_writing(
    alice: httpx.AsyncClient,
) -> None:
    written = []
    for number in range(7):
        written.append(await write(alice, f"note {number}"))
        await asyncio.sleep(0.002)  # ids are in the order of milliseconds
    pages, after = [], None
    while True:
        query = {"limit": "3"} | ({"after": after} if after else {})
        page = (await alice.get("/notes", params=query)).json()
        pages.append(page["notes"])
        after = page["next"]
        if after is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [note for page in pages for note in page] == written


async def test_a_page_that_ends_with_the_last_note_has_no_next(alice: httpx.AsyncClient) -> None:
    for _ in range(2):
        await write(alice)
    page = (await alice.get("/notes", params={"limit": "2"})).json()
    assert (len(page["notes"]), page["next"]) == (2, None)


async def test_somebody_elses_note_is_not_there(alice: httpx.AsyncClient, sign: Sign) -> None:
    note = await write(alice)
    mallory = {"authorization": f"Bearer {sign(sub='mallory')}"}
    url = f"/notes/{note['id']}"
    assert refused(await alice.get(url, headers=mallory)) == (404, "not_found")
    stolen = await alice.put(url, headers=mallory, json={"title": "mine"})
    assert refused(stolen) == (404, "not_found")
    assert refused(await alice.delete(url, headers=mallory)) == (404, "not_found")
    listed = await alice.get("/notes", headers=mallory, params={"after": str(UUID(int=0))})
    assert listed.json() == {"notes": [], "next": None}
    assert (await alice.get(url)).json() == note


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/notes", "notes:read"),
        ("GET", f"/notes/{UUID(int=1)}", "notes:read"),
        ("POST", "/notes", "notes:write"),
        ("PUT", f"/notes/{UUID(int=1)}", "notes:write"),
        ("DELETE", f"/notes/{UUID(int=1)}", "notes:write"),
    ],
)
async def test_each_method_needs_its_scope(
    http: httpx.AsyncClient, sign: Sign, method: str, path: str, needed: str
) -> None:
    other = "notes:write" if needed == "notes:read" else "notes:read"
    for scope in ("", other, "notes", "notes:readwrite", needed.upper()):
        headers = {"authorization": f"Bearer {sign(scope=scope)}"}
        response = await http.request(method, path, headers=headers, json={"title": "x"})
        assert refused(response) == (403, "insufficient_scope")
        assert f'scope="{needed}"' in response.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
    response = await http.request(method, path, json={"title": "x"})
    assert refused(response) == (401, "unauthorized")
    assert f'scope="{needed}"' in response.headers["www-authenticate"]


async def test_json_may_say_its_charset(alice: httpx.AsyncClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    response = await alice.post("/notes", headers=headers, content=b'{"title": "x"}')
    assert response.status_code == 201


async def test_the_largest_note_fits_however_it_is_escaped(alice: httpx.AsyncClient) -> None:
    note = {"title": "\U0001f510" * 200, "body": "\U0001f510" * 5000}
    response = await alice.post("/notes", headers=JSON, content=json.dumps(note))
    assert response.status_code == 201
    read = await alice.get(response.headers["location"])
    assert (read.json()["title"], read.json()["body"]) == (note["title"], note["body"])


async def test_sql_in_a_note_is_text(alice: httpx.AsyncClient) -> None:
    title = "'; DROP TABLE notes; --"
    note = await write(alice, title)
    assert (await alice.get(f"/notes/{note['id']}")).json()["title"] == title


async def test_without_a_database_notes_are_unavailable_and_all_else_goes_on(
    http: httpx.AsyncClient, sign: Sign
) -> None:
    headers = {"authorization": f"Bearer {sign()}"}
    for method, path in (("GET", "/notes"), ("POST", "/notes"), ("DELETE", f"/notes/{uuid4()}")):
        response = await http.request(method, path, headers=headers, json={"title": "x"})
        assert refused(response) == (503, "temporarily_unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert "www-authenticate" not in response.headers
    assert (await http.get("/whoami", headers=headers)).status_code == 200
    assert (await http.get("/health/ready")).status_code == 200


async def test_an_empty_database_is_migrated_in_the_background_by_one_of_many(
    settings: Settings, postgres: EmbeddedPostgres, sign: Sign
) -> None:
    name = f"fresh_{uuid4().hex}"
    url = await postgres.create_database(name, owner=name, password="fresh")
    fresh = settings.model_copy(update={"database_url": SecretStr(url)})
    async with (
        client(create_app(fresh)) as one,
        client(create_app(fresh)) as two,
        client(create_app(fresh)) as three,
    ):
        for http in (one, two, three):
            http.headers["authorization"] = f"Bearer {sign()}"
            await ready(http)
        note = await write(one)
        assert (await two.get(f"/notes/{note['id']}")).json() == note
        assert (await two.get("/health/ready")).json()["database"] == "ready"


async def test_connections_that_the_database_cut_are_made_anew(
    alice: httpx.AsyncClient, postgres: EmbeddedPostgres, resource_database_url: str
) -> None:
    note = await write(alice)
    admin = await asyncpg.connect(postgres.url())
    name = resource_database_url.rpartition("/")[2].partition("?")[0]
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )
    await admin.close()
    async with asyncio.timeout(5):
        answer = await alice.get(f"/notes/{note['id']}")
        while answer.status_code == 503:
            assert refused(answer) == (503, "temporarily_unavailable")
            answer = await alice.get(f"/notes/{note['id']}")
    assert answer.json() == note


async def test_fifty_rewrites_at_the_same_time_leave_one_of_them_whole(
    alice: httpx.AsyncClient,
) -> None:
    note = await write(alice)
    answers = await asyncio.gather(
        *(
            alice.put(f"/notes/{note['id']}", json={"title": f"{n}", "body": f"{n}"})
            for n in range(50)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    left = (await alice.get(f"/notes/{note['id']}")).json()
    assert left["title"] == left["body"]


async def test_requests_that_are_abandoned_mid_query_leak_no_connection(
    alice: httpx.AsyncClient,
) -> None:
    for _ in range(5):
        tasks = [asyncio.create_task(alice.get("/notes")) for _ in range(40)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(alice.get("/notes") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
