"""Bad input to the notes: always the right status, the house's JSON, and never 5xx."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.resource_service.issuer import Sign, refused

TEXT = {"content-type": "text/plain"}
JSON = {"content-type": "application/json"}

CONTENTS: dict[str, Any] = {
    "no title": {},
    "an empty title": {"title": ""},
    "a long title": {"title": "x" * 201},
    "a long body": {"title": "x", "body": "x" * 5001},
    "a number as title": {"title": 1},
    "null as body": {"title": "x", "body": None},
    "an unknown member": {"title": "x", "owner": "bob"},
    "NUL in the title": {"title": "a\0b"},
    "NUL in the body": {"title": "x", "body": "a\0"},
    "a list": [],
    "a string": "title",
    "null": None,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_does_not_take_a_note_with(
    http: httpx.AsyncClient, sign: Sign, method: str, content: Any
) -> None:
    response = await http.request(
        method,
        "/notes" if method == "POST" else f"/notes/{uuid4()}",
        headers=JSON | {"authorization": f"Bearer {sign()}"},
        content=json.dumps(content),
    )
    assert refused(response) == (400, "invalid_request")


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half an object": b'{"title": "x"',
    "no JSON": b"title=x",
    "a repeated member": b'{"title": "x", "title": "y"}',
    "not UTF-8": b'{"title": "\xff"}',
    "NaN": b'{"title": "x", "body": NaN}',
    "a lone surrogate": b'{"title": "\\ud800"}',
    "deep nesting": b'{"title":' * 5000,
    "deep arrays": b"[" * 60000,
    "a number of 5,000 digits": b'{"title": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_is_malformed_that_is(
    http: httpx.AsyncClient, sign: Sign, body: bytes
) -> None:
    headers = JSON | {"authorization": f"Bearer {sign()}"}
    response = await http.post("/notes", headers=headers, content=body)
    assert refused(response) == (400, "invalid_request")
    assert "www-authenticate" not in response.headers


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "", "\xe9"]
)
async def test_another_media_type_is_refused(
    http: httpx.AsyncClient, sign: Sign, media_type: str
) -> None:
    headers = httpx.Headers({"content-type": media_type}, encoding="latin-1")
    headers["authorization"] = f"Bearer {sign()}"
    content = b'{"title": "x"}'
    response = await http.post("/notes", headers=headers, content=content)
    assert refused(response) == (415, "unsupported_media_type")


async def test_a_body_over_64_kib_is_too_large_whether_its_length_is_told_or_not(
    http: httpx.AsyncClient, sign: Sign
) -> None:
    headers = JSON | {"authorization": f"Bearer {sign()}"}
    read = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 10_000_000:
            read += 8192
            yield b" " * 8192

    response = await http.post("/notes", headers=headers, content=b" " * 65537)
    assert refused(response) == (413, "content_too_large")
    response = await http.post("/notes", headers=headers, content=stream())
    assert refused(response) == (413, "content_too_large")
    just = b'{"title": 1}'.ljust(65536)
    response = await http.post("/notes", headers=headers, content=just)
    assert refused(response) == (400, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("limit=0", id="no notes"),
        pytest.param("limit=101", id="too many"),
        pytest.param("limit=x", id="no number"),
        pytest.param("limit=", id="empty"),
        pytest.param(f"limit={'9' * 5000}", id="absurd"),
        pytest.param("after=1", id="no UUID"),
        pytest.param("limit=1&limit=2", id="repeated"),
        pytest.param("limit=1&limit=1", id="repeated alike"),
        pytest.param("offset=1", id="unknown"),
        pytest.param("Limit=1", id="in capitals"),
        pytest.param("%00", id="NUL"),
        pytest.param("%ff=1", id="not UTF-8"),
        pytest.param("&".join("limit=1" for _ in range(2000)), id="very many"),
    ],
)
async def test_a_query_is_invalid_with(http: httpx.AsyncClient, sign: Sign, query: str) -> None:
    headers = {"authorization": f"Bearer {sign()}"}
    response = await http.get(f"/notes?{query}", headers=headers)
    assert refused(response) == (400, "invalid_request")


@pytest.mark.parametrize("note_id", ["1", "x", "%00", "0" * 5000, "..%2f", "{}"])
async def test_an_id_that_is_none_is_an_invalid_request(
    http: httpx.AsyncClient, sign: Sign, note_id: str
) -> None:
    headers = {"authorization": f"Bearer {sign()}"}
    response = await http.get(f"/notes/{note_id}", headers=headers)
    assert response.status_code in {400, 404}
    assert refused(response)[1] in {"invalid_request", "not_found"}


async def test_the_token_is_looked_at_before_the_body(http: httpx.AsyncClient) -> None:
    response = await http.post("/notes", headers=TEXT, content=b" " * 100_000)
    assert refused(response) == (401, "unauthorized")
