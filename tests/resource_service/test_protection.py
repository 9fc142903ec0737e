"""`Depends(requires(…))`: the same whether FastAPI's solver or `ProtectedRoute` does it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Security
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

from resource_service.protection import AccessToken, ProtectedRoute, protect, requires
from shared.jws import SigningKey
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer, Sign, client

Reader = Annotated[AccessToken, Depends(requires("notes:read"))]
NEEDS_BOTH = requires("notes:write", "notes:read")


class Item(BaseModel):
    name: str


def endpoints(router: APIRouter | FastAPI) -> None:
    """Add endpoints of every shape that people write."""
    router.get("/plain")(plain)
    router.get("/default/{item_id}")(default)
    router.post("/body", status_code=201)(body)
    router.get("/response", openapi_extra={"x-mine": 1})(response)
    router.get("/two")(two)
    router.get("/keyword")(keyword)
    router.get("/sync")(sync)
    router.get("/parameterless", dependencies=[Depends(requires("notes:read"))])(unprotected)
    router.get("/nested")(nested)
    router.get("/open")(unprotected)


async def plain(token: Reader) -> dict[str, str]:
    """Say who calls."""
    return {"sub": token.sub}


async def default(
    item_id: int,
    token: AccessToken = Depends(NEEDS_BOTH),  # noqa: B008 - the older notation
    limit: int = 5,
) -> list[int]:
    return [item_id, limit, len(token.scope)]


async def body(item: Item, token: Reader, request: Request) -> Item:
    return Item(name=f"{item.name} of {token.sub} by {request.method}")


async def response(_token: Reader, q: Annotated[list[str], Query()]) -> JSONResponse:
    return JSONResponse({"q": q}, 202, {"x-mine": "1"})


async def two(one: Reader, other: Annotated[AccessToken, Depends(NEEDS_BOTH)]) -> bool:
    return one.jti == other.jti


async def keyword(*, token: Reader) -> str:
    return token.sub


def sync(token: Reader) -> str:
    return token.sub


async def unprotected() -> str:
    return "in"


async def owner(token: Reader) -> str:
    return token.sub


async def nested(owner: Annotated[str, Depends(owner)]) -> str:
    return owner


PROTECTED = ("/plain", "/default/1", "/response?q=1", "/two", "/keyword", "/sync", "/nested")
PREFIXES = ("", "/included", "/included/twice")


def build(jwks: JwksServer, route_class: type[APIRoute]) -> FastAPI:
    app = FastAPI()
    app.router.route_class = route_class
    protect(app, issuer=ISSUER, audience=AUDIENCE, jwks_uri=jwks.url)
    inner, outer = (APIRouter(route_class=route_class) for _ in range(2))
    for router in (app, inner, outer):
        endpoints(router)
    outer.include_router(inner, prefix="/twice", dependencies=[Depends(requires("notes:write"))])
    app.include_router(outer, prefix="/included", tags=["included"])
    return app


@pytest.fixture
async def slow(jwks: JwksServer) -> AsyncIterator[httpx.AsyncClient]:
    async with client(build(jwks, APIRoute)) as http:
        yield http


@pytest.fixture
async def fast(jwks: JwksServer) -> AsyncIterator[httpx.AsyncClient]:
    async with client(build(jwks, ProtectedRoute)) as http:
        yield http


@pytest.fixture
def headers(sign: Sign, other_key: SigningKey) -> dict[str, dict[str, str]]:
    tokens = {
        "good": sign(),
        "reader": sign(scope="notes:read"),
        "writer": sign(scope="notes:write"),
        "expired": sign(exp=int(time.time()) - 60),
        "forged": sign(key=other_key),
        "malformed": "a b",
    }
    named = {name: {"authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return {"nobody": {}, "basic": {"authorization": "Basic YTpi"}} | named


def error(response: httpx.Response) -> Any:
    return None if response.is_success else response.json().get("error")


async def test_answers_are_the_same_either_way(
    slow: httpx.AsyncClient, fast: httpx.AsyncClient, headers: dict[str, dict[str, str]]
) -> None:
    paths = (*PROTECTED, "/parameterless", "/open", "/default/x", "/response", "/nothing")
    seen = set()
    for prefix in PREFIXES:
        for path in paths:
            for who, header in headers.items():
                one = await slow.get(prefix + path, headers=header)
                other = await fast.get(prefix + path, headers=header)
                where = f"{prefix}{path} for {who}"
                assert one.status_code == other.status_code, where
                if prefix == "/included/twice":  # two requirements: either may come first
                    assert error(one) == error(other), where
                else:
                    assert one.json() == other.json(), where
                    assert one.headers == other.headers, where
                seen.add(one.status_code)
        items: tuple[Any, ...] = ({"name": "x"}, {}, [])
        for item in items:
            for header in headers.values():
                one = await slow.post(f"{prefix}/body", headers=header, json=item)
                other = await fast.post(f"{prefix}/body", headers=header, json=item)
                assert (one.status_code, one.text) == (other.status_code, other.text)
                seen.add(one.status_code)
    assert seen == {200, 201, 202, 400, 401, 403, 404, 422}


def test_the_openapi_documents_are_the_same_either_way(jwks: JwksServer) -> None:
    assert build(jwks, APIRoute).openapi() == build(jwks, ProtectedRoute).openapi()


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_shape_of_endpoint_is_protected(
    fast: httpx.AsyncClient, headers: dict[str, dict[str, str]], prefix: str
) -> None:
    for path in (*PROTECTED, "/parameterless"):
        refused = await fast.get(prefix + path)
        assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized"), path
        forged = await fast.get(prefix + path, headers=headers["forged"])
        assert (forged.status_code, forged.json()["error"]) == (401, "invalid_token"), path
        assert (await fast.get(prefix + path, headers=headers["good"])).is_success, path
    open_to_all = 401 if prefix == "/included/twice" else 200
    assert (await fast.get(f"{prefix}/open")).status_code == open_to_all


async def test_all_the_scopes_are_needed_and_named(
    fast: httpx.AsyncClient, headers: dict[str, dict[str, str]]
) -> None:
    for who in ("reader", "writer"):
        response = await fast.get("/default/1", headers=headers[who])
        assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
        assert 'scope="notes:read notes:write"' in response.headers["www-authenticate"]
        assert response.headers["cache-control"] == "no-store"


async def test_the_openapi_document_tells_where_tokens_come_from(jwks: JwksServer) -> None:
    document = build(jwks, ProtectedRoute).openapi()
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"oauth2", "bearer"}
    assert schemes["oauth2"]["flows"] == {
        "authorizationCode": {
            "authorizationUrl": f"{ISSUER}/authorize?resource=http%3A%2F%2F127.0.0.1%3A8080",
            "tokenUrl": f"{ISSUER}/token",
            "scopes": {"notes:read": "", "notes:write": ""},
        }
    }
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    operation = document["paths"]["/plain"]["get"]
    assert operation["security"] == [{"oauth2": ["notes:read"]}, {"bearer": []}]
    assert "parameters" not in operation  # neither token nor request is one
    assert "security" not in document["paths"]["/open"]["get"]
    twice = document["paths"]["/included/twice/plain"]["get"]["security"]
    assert twice == [{"oauth2": ["notes:read", "notes:write"]}, {"bearer": []}]  # both, no choice


async def test_a_route_whose_verification_is_left_out_answers_500_and_never_200(
    jwks: JwksServer, headers: dict[str, dict[str, str]]
) -> None:
    """As if FastAPI had stopped to call `get_route_handler`."""

    class Careless(ProtectedRoute):
        def get_route_handler(self) -> Any:
            return APIRoute.get_route_handler(self)

    app = build(jwks, Careless)
    async with client(app) as http:
        for header in ({}, headers["good"]):
            for path in ("/plain", "/default/1", "/response?q=1", "/keyword"):
                assert (await http.get(path, headers=header)).status_code == 500


async def test_an_endpoint_that_is_taken_from_its_route_answers_500_whoever_else_admits(
    jwks: JwksServer, headers: dict[str, dict[str, str]]
) -> None:
    """The token that another requirement has admitted does not do."""

    async def both(token: Annotated[AccessToken, Depends(NEEDS_BOTH)]) -> str:
        return token.sub

    route = ProtectedRoute("/both", both)
    app = FastAPI(dependencies=[Depends(requires("notes:read"))])
    protect(app, issuer=ISSUER, audience=AUDIENCE, jwks_uri=jwks.url)
    app.add_api_route("/copy", route.endpoint)
    async with client(app) as http:
        assert (await http.get("/copy")).status_code == 401
        assert (await http.get("/copy", headers=headers["good"])).status_code == 500


@pytest.mark.parametrize("route_class", [APIRoute, ProtectedRoute])
async def test_of_several_requirements_of_one_parameter_the_last_counts(
    jwks: JwksServer, sign: Sign, route_class: type[APIRoute]
) -> None:
    """As FastAPI has it: so a type that is good for reading can be tightened."""
    app = FastAPI()
    app.router.route_class = route_class
    protect(app, issuer=ISSUER, audience=AUDIENCE, jwks_uri=jwks.url)

    @app.get("/tightened")
    async def tightened(token: Annotated[Reader, Depends(requires("notes:write"))]) -> str:
        return token.sub

    @app.get("/secured")
    async def secured(token: Annotated[Reader, Security(requires("notes:write"))]) -> str:
        return token.sub

    async with client(app) as http:
        for path in ("/tightened", "/secured"):
            for scope, status in (("notes:read", 403), ("notes:write", 200)):
                header = {"authorization": f"Bearer {sign(scope=scope)}"}
                assert (await http.get(path, headers=header)).status_code == status


async def test_an_app_that_was_not_set_up_lets_nobody_in(
    headers: dict[str, dict[str, str]],
) -> None:
    for route_class in (APIRoute, ProtectedRoute):
        app = FastAPI()
        app.router.route_class = route_class
        endpoints(app)
        async with client(app) as http:
            for path in PROTECTED:
                assert (await http.get(path, headers=headers["good"])).status_code == 500


async def test_annotations_may_be_strings(jwks: JwksServer, sign: Sign) -> None:
    """As with `from __future__ import annotations`."""

    async def endpoint(token: "Reader") -> str:
        return token.sub

    app = FastAPI()
    protect(app, issuer=ISSUER, audience=AUDIENCE, jwks_uri=jwks.url)
    route = ProtectedRoute("/x", endpoint)
    app.router.routes.append(route)
    assert route.dependant.dependencies == []  # lifted
    async with client(app) as http:
        assert (await http.get("/x")).status_code == 401
        answer = await http.get("/x", headers={"authorization": f"Bearer {sign()}"})
        assert answer.json() == "alice"


async def test_works_without_a_lifespan_as_in_a_mounted_app(jwks: JwksServer, sign: Sign) -> None:
    inner = build(jwks, ProtectedRoute)
    app = FastAPI()
    app.mount("/api", inner)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=AUDIENCE) as http:
        answer = await http.get("/api/plain", headers={"authorization": f"Bearer {sign()}"})
        assert answer.json() == {"sub": "alice"}
        assert (await http.get("/api/plain")).status_code == 401
    for _ in range(2):
        async with inner.router.lifespan_context(inner):
            pass  # it may be entered again and again; the end of it stops the timer


async def test_the_lifespan_of_the_app_itself_goes_on_working(jwks: JwksServer) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, int]]:
        events.append("begun")
        yield {"mine": 1}
        events.append("ended")

    app = FastAPI(lifespan=lifespan)
    protect(app, issuer=ISSUER, audience=AUDIENCE, jwks_uri=jwks.url)
    async with app.router.lifespan_context(app) as state:
        assert state == {"mine": 1}
    assert events == ["begun", "ended"]


@pytest.mark.parametrize(
    "issuer", ["http://issuer.example", "ftp://127.0.0.1", "issuer", "https://issuer.example?x"]
)
def test_keys_are_not_fetched_in_clear_from_elsewhere(issuer: str) -> None:
    with pytest.raises(ValueError, match="must"):
        protect(FastAPI(), issuer=issuer, audience=AUDIENCE)


@pytest.mark.parametrize("route_class", [APIRoute, ProtectedRoute])
async def test_an_endpoint_may_need_a_stronger_log_in(
    jwks: JwksServer, sign: Sign, route_class: type[APIRoute]
) -> None:
    app = FastAPI()
    app.router.route_class = route_class
    protect(app, issuer=ISSUER, audience=AUDIENCE, jwks_uri=jwks.url)

    @app.get("/vault")
    async def vault(
        token: Annotated[AccessToken, Depends(requires("notes:read", acr="2"))],
    ) -> str:
        return token.sub

    async with client(app) as http:

        async def get(**claims: Any) -> httpx.Response:
            return await http.get("/vault", headers={"authorization": f"Bearer {sign(**claims)}"})

        for _ in range(2):  # the second time the token is known already
            assert (await get(acr="2", jti="strong")).status_code == 200
            for claims in ({"acr": "1"}, {"acr": "22"}, {}):
                refused = await get(**claims, jti="weak")
                assert refused.status_code == 401
                assert refused.json()["error"] == "insufficient_user_authentication"
                challenge = refused.headers["www-authenticate"]
                assert 'error="insufficient_user_authentication"' in challenge
                assert 'acr_values="2"' in challenge
                assert 'scope="notes:read"' in challenge
                assert refused.headers["cache-control"] == "no-store"
        lacking = await get(acr="1", scope="notes:write")
        assert (lacking.status_code, lacking.json()["error"]) == (403, "insufficient_scope")
