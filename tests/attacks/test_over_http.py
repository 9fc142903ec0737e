"""The same attacks on the service: always 401 and the challenge, never 5xx (RFC 6750 §3)."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from resource_service.app import create_app
from resource_service.authenticator import BearerAuthenticator
from resource_service.settings import Settings
from shared.access_token import AccessTokenVerifier
from tests.attacks.attack import Attack
from tests.attacks.table import ATTACKS
from tests.attacks.world import AUDIENCE, ISSUER, Keys, World

B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
METADATA = f'resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource"'


@pytest.fixture(scope="module")
async def resource(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The service with the issuer's present key, and no database: no token gets that far."""
    keys = Keys(world.issuer.signing_key.verification_key())
    verifier = AccessTokenVerifier(keys, ISSUER, AUDIENCE, now=lambda: world.now)
    settings = Settings(
        issuer=ISSUER,
        audience=AUDIENCE,
        database_url="postgresql://nobody@127.0.0.1:1/nothing",  # type: ignore[arg-type]
    )
    app = create_app(settings, BearerAuthenticator(verifier))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=AUDIENCE) as client:
        yield client


async def test_a_good_token_is_let_in(world: World, resource: httpx.AsyncClient) -> None:
    response = await resource.get("/whoami", headers=bearer(world.token()))
    assert (response.status_code, response.json()["sub"]) == (200, world.claims()["sub"])


# A space more between scheme and token is allowed, so that one is a good token here.
@pytest.mark.parametrize(
    "attack",
    [pytest.param(attack, id=attack.name) for attack in ATTACKS if attack.name != "space before"],
)
@pytest.mark.parametrize("path", ["/whoami", "/notes"])
async def test_a_forged_one_is_not(
    world: World, resource: httpx.AsyncClient, path: str, attack: Attack
) -> None:
    token = attack.forge(world)
    response = await resource.get(path, headers=bearer(token))
    if B64TOKEN.fullmatch(token):
        expected = (401, "invalid_token", attack.refusal)
    else:
        expected = (400, "invalid_request", "malformed Authorization header")
    status, error, description = expected
    assert response.status_code == status
    assert response.json() == {"error": error, "error_description": description}
    assert response.headers["cache-control"] == "no-store"
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith(
        f'Bearer realm="sealgate", error="{error}", error_description="{description}"'
    )
    assert METADATA in challenge


@pytest.mark.parametrize(
    ("values", "status", "error"),
    [
        pytest.param([], 401, "unauthorized", id="no header"),
        pytest.param(["Basic YTpi"], 401, "unauthorized", id="another scheme"),
        pytest.param(["Bearer"], 400, "invalid_request", id="no token"),
        pytest.param(["Bearer {0}", "Bearer {0}"], 400, "invalid_request", id="two headers"),
        pytest.param(["Basic YTpi", "Bearer {0}"], 400, "invalid_request", id="two schemes"),
        pytest.param(["Bearer {0}, Basic YTpi"], 400, "invalid_request", id="two in a list"),
        pytest.param(["Bearer {0} {0}"], 400, "invalid_request", id="two tokens"),
        pytest.param(['Bearer token="{0}"'], 400, "invalid_request", id="as a parameter"),
        pytest.param(["Bearer\t{0}"], 401, "unauthorized", id="a tab for the space"),
        pytest.param(["{0}"], 401, "unauthorized", id="no scheme"),
    ],
)
async def test_a_malformed_header_is_refused_though_its_token_is_good(
    world: World, resource: httpx.AsyncClient, values: list[str], status: int, error: str
) -> None:
    """RFC 6750 §3.1: without a token a bare challenge, with a malformed one `invalid_request`."""
    headers = [("authorization", value.format(world.token())) for value in values]
    response = await resource.get("/whoami", headers=headers)
    assert (response.status_code, response.json()["error"]) == (status, error)
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert ("error=" in challenge) == (error != "unauthorized")


@pytest.mark.parametrize("scope", ["", "notes:write", "notes:readx", "notes:read\tx", "NOTES:READ"])
async def test_a_good_token_without_the_scope_is_told_what_it_lacks(
    world: World, resource: httpx.AsyncClient, scope: str
) -> None:
    """RFC 6750 §3.1: 403, and the scope that would do."""
    token = world.token(claims=world.claims(scope=scope))
    response = await resource.get("/notes", headers=bearer(token))
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    challenge = response.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="notes:read"' in challenge


async def test_a_token_in_the_query_or_in_a_cookie_is_not_looked_for(
    world: World, resource: httpx.AsyncClient
) -> None:
    """RFC 9700 §4.3.2."""
    token = world.token()
    response = await resource.get("/whoami", params={"access_token": token})
    assert response.status_code in {400, 401}
    response = await resource.get("/whoami", headers={"cookie": f"access_token={token}"})
    assert (response.status_code, "error=" in response.headers["www-authenticate"]) == (401, False)


def bearer(token: str) -> dict[bytes, bytes]:
    """As octets, so that nothing on our side puts a forged header right."""
    return {b"authorization": f"Bearer {token}".encode("utf-8", "surrogatepass")}
