"""What a caller gets whose token is revoked, or whose status cannot be told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from resource_service.app import create_app
from resource_service.protection import protect, requires
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.jws import SigningKey
from tests.resource_service.issuer import AUDIENCE, Sign, client, jwk_set, refused, respond
from tests.resource_service.status_lists import SIZE, ListServer


@pytest.fixture
async def issuer(signing_key: SigningKey) -> AsyncIterator[ListServer]:
    """An issuer with one list; everything else it is asked for is its key set."""
    server = ListServer(signing_key)
    await server.start()
    server.answer = respond(jwk_set(signing_key.public_jwk))
    server.publish(7)
    yield server
    await server.stop()


@pytest.fixture
def settings(settings: Settings, issuer: ListServer) -> Settings:
    """A replica that polls ten times a second, and for which two seconds are long ago."""
    return settings.model_copy(
        update={
            "issuer": issuer.issuer,
            "jwks_uri": f"{issuer.issuer}/jwks.json",
            "status_lists_uri": f"{issuer.issuer}/which",  # answers with no such list
            "status_poll": 0.1,
            "status_stale": 2.0,
        }
    )


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client(create_app(settings)) as http:
        yield http


class Caller:
    """Calls /whoami with tokens that point to the list."""

    def __init__(self, http: httpx.AsyncClient, issuer: ListServer, sign: Sign) -> None:
        self.http = http
        self._issuer = issuer
        self._sign = sign

    def token(self, idx: object = 0, **also: Any) -> str:
        reference = {"idx": idx, "uri": also.pop("uri", self._issuer.uri)}
        claims = {"iss": self._issuer.issuer, "status": {"status_list": reference}}
        return self._sign(**(claims | also))

    async def __call__(self, token: str) -> httpx.Response:
        return await self.http.get("/whoami", headers={"authorization": f"Bearer {token}"})

    async def until(self, token: str, status: int, within: float = 5.0) -> httpx.Response:
        """Call until the answer has this status."""
        deadline = asyncio.get_running_loop().time() + within
        while (response := await self(token)).status_code != status:
            assert asyncio.get_running_loop().time() < deadline, response.text
            await asyncio.sleep(0.02)
        return response


@pytest.fixture
def call(http: httpx.AsyncClient, issuer: ListServer, sign: Sign) -> Caller:
    return Caller(http, issuer, sign)


def assert_invalid(response: httpx.Response, description: str) -> None:
    assert refused(response) == (401, "invalid_token")
    assert response.json()["error_description"] == description
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_good_token_is_accepted_and_a_revoked_one_is_not(call: Caller) -> None:
    assert (await call(call.token(0))).status_code == 200
    assert_invalid(await call(call.token(7)), "the token was revoked")


async def test_a_token_that_was_accepted_before_is_refused_once_its_bit_is_set(
    call: Caller, issuer: ListServer
) -> None:
    token, another = call.token(3), call.token(4)
    for _ in range(3):
        assert (await call(token)).status_code == 200
    issuer.publish(3)
    assert_invalid(await call.until(token, 401), "the token was revoked")
    assert (await call(another)).status_code == 200


async def test_a_token_without_status_is_accepted_and_no_list_asked_for(
    call: Caller, issuer: ListServer
) -> None:
    assert (await call(call.token(status=None))).status_code == 200
    assert not any("GET /status-lists/0 " in request for request in issuer.requests)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="empty"),
        pytest.param("revoked", id="a string"),
        pytest.param({"status_list": {"idx": 0}}, id="without uri"),
        pytest.param({"status_list": {"uri": "x"}}, id="without idx"),
        pytest.param({"status_list": {"idx": -1, "uri": "x"}}, id="negative"),
        pytest.param({"status_list": {"idx": "0", "uri": "x"}}, id="text"),
        pytest.param({"status_list": {"idx": 0.0, "uri": "x"}}, id="a float"),
        pytest.param({"other_mechanism": {"idx": 0, "uri": "x"}}, id="another mechanism"),
    ],
)
async def test_a_malformed_status_claim_is_a_malformed_token(call: Caller, status: object) -> None:
    assert_invalid(await call(call.token(status=status)), "the claims are malformed")


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/status-lists/0",
        "http://127.0.0.1:1/status-lists/0",
        "{issuer}/../x",
        "x",
    ],
)
async def test_a_status_elsewhere_leads_nowhere(call: Caller, issuer: ListServer, uri: str) -> None:
    token = call.token(0, uri=uri.format(issuer=issuer.issuer))
    assert_invalid(await call(token), "the token's status leads nowhere")


async def test_an_entry_beyond_the_list_leads_nowhere(call: Caller) -> None:
    assert (await call(call.token(SIZE - 1))).status_code == 200
    assert_invalid(await call(call.token(SIZE)), "the token's status leads nowhere")


async def test_an_expired_token_is_expired_first_and_its_list_is_not_asked_for(
    call: Caller, issuer: ListServer
) -> None:
    response = await call(call.token(7, exp=1_700_000_000, iat=1_600_000_000))
    assert_invalid(response, "the token has expired")
    assert not any("GET /status-lists/0 " in request for request in issuer.requests)


async def test_past_the_bound_it_is_503_and_never_401_and_mends_itself(
    call: Caller, issuer: ListServer
) -> None:
    good, bad = call.token(0), call.token(7)
    assert (await call(good)).status_code == 200
    issuer.honest, issuer.answer = False, respond(b"", status="500 Internal Server Error")
    for token in (good, bad):
        response = await call.until(token, 503)
        assert refused(response) == (503, "temporarily_unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert "www-authenticate" not in response.headers
    assert (await call(call.token(status=None))).status_code == 200
    assert (await call.http.get("/health/ready")).status_code == 200
    issuer.honest = True
    await call.until(good, 200)
    assert_invalid(await call(bad), "the token was revoked")


async def test_a_list_that_cannot_be_had_at_first_is_503_too(
    call: Caller, issuer: ListServer
) -> None:
    issuer.honest = False  # it answers with its key set
    response = await call(call.token(0))
    assert refused(response) == (503, "temporarily_unavailable")
    issuer.honest = True
    await call.until(call.token(0), 200)


async def test_readiness_and_metrics_tell_the_age_of_the_list(
    call: Caller, issuer: ListServer
) -> None:
    await call(call.token(0))
    await asyncio.sleep(0.3)
    ages = (await call.http.get("/health/ready")).json()["status_lists"]
    assert ages.keys() == {issuer.uri}
    assert 0 <= ages[issuer.uri] < 2
    metrics = (await call.http.get("/metrics")).text
    [line] = [
        line
        for line in metrics.splitlines()
        if line.startswith("sealgate_status_list_age_seconds{")
    ]
    assert f'uri="{issuer.uri}"' in line
    assert 0 <= float(line.rpartition(" ")[2]) < 2
    assert 'sealgate_status_list_fetches_total{outcome="changed"} 1.0' in metrics
    assert 'sealgate_status_list_fetches_total{outcome="unchanged"}' in metrics


async def test_with_a_poll_of_zero_no_list_is_followed(
    settings: Settings, issuer: ListServer, sign: Sign
) -> None:
    app = create_app(settings.model_copy(update={"status_poll": 0}))
    async with client(app) as http:
        call = Caller(http, issuer, sign)
        assert (await call(call.token(7))).status_code == 200
        assert (await http.get("/health/ready")).json()["status_lists"] == {}
    assert not any("status-lists" in request for request in issuer.requests)


async def test_somebody_elses_app_refuses_revoked_tokens_by_the_same_line(
    issuer: ListServer, sign: Sign
) -> None:
    app = FastAPI()
    protect(app, issuer=issuer.issuer, audience=AUDIENCE, jwks_uri=f"{issuer.issuer}/jwks.json")

    @app.get("/whoami")
    async def whoami(token: Annotated[AccessToken, Depends(requires())]) -> str:
        return token.sub

    async with client(app) as http:
        call = Caller(http, issuer, sign)
        assert (await call(call.token(0))).status_code == 200
        response = await call(call.token(7))
        assert response.status_code == 401
        assert response.json()["error"] == "invalid_token"
        assert 'error_description="the token was revoked"' in response.headers["www-authenticate"]
    assert any(request.startswith("GET /status-lists ") for request in issuer.requests)


async def test_a_flood_of_revoked_tokens_asks_the_issuer_nothing(
    call: Caller, issuer: ListServer
) -> None:
    await call(call.token(0))
    before = issuer.connections
    began = asyncio.get_running_loop().time()
    for _ in range(200):
        assert (await call(call.token(7))).status_code == 401
    polls = (asyncio.get_running_loop().time() - began) / 0.1 + 2
    assert issuer.connections - before <= polls
