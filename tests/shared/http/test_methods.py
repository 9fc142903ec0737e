"""HEAD like GET, and 405 that names every method of the path."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.http import methods


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(openapi_url=None)
    router = APIRouter()

    @router.get("/items/{item}")
    async def read(item: str) -> str:
        return item

    @router.delete("/items/{item}")
    async def delete(item: str) -> str:
        return item

    @app.post("/items")
    async def create() -> str:
        return "new"

    app.include_router(router)
    methods.install(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as http:
        yield http


async def test_head_has_the_headers_of_get_and_no_body(http: httpx.AsyncClient) -> None:
    get, head = await http.get("/items/1"), await http.head("/items/1")
    assert (head.status_code, head.headers, head.content) == (200, get.headers, b"")


async def test_head_without_get_is_not_allowed(http: httpx.AsyncClient) -> None:
    response = await http.head("/items")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "OPTIONS", "TRACE", "UNHEARD"])
async def test_allow_names_every_method(http: httpx.AsyncClient, method: str) -> None:
    response = await http.request(method, "/items/1")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"error": "method_not_allowed"}
