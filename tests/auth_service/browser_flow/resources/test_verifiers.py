"""Who takes which token: each resource its own, the issuer all of them, and nobody `admin`'s."""

from typing import Any

import pytest

from shared.access_token import AccessTokenVerifier, Refusal
from shared.errors import InvalidToken
from shared.jws import VerificationKey
from shared.key_set import KeySet
from tests.auth_service.browser_flow.person import Person
from tests.auth_service.browser_flow.resources.resources import FILES, ISSUER, MCP, NOTES
from tests.auth_service.conftest import SECRET

RESOURCES = (NOTES, MCP, FILES)


async def tokens(app: Any, person: Person) -> dict[str, str]:
    """Return an access token of the same person, client and scope for each resource."""
    got = {}
    for resource in RESOURCES:
        code = await person.code(resource=resource, scope="openid profile notes:read")
        response = await app.token("app", **person.exchange(code))
        got[resource] = response.json()["access_token"]
    return got


async def keys(app: Any) -> KeySet:
    """Return the published keys, as a resource has them."""
    published = (await app.http.get("/.well-known/jwks.json")).json()["keys"]
    return KeySet(*(VerificationKey.from_jwk(jwk) for jwk in published))


async def test_a_resource_takes_its_own_tokens_and_refuses_those_for_another(
    app: Any, person: Person, clock: Any
) -> None:
    got, published = await tokens(app, person), await keys(app)
    for resource in RESOURCES:
        verifier = AccessTokenVerifier(published, ISSUER, resource, now=clock)
        for named, token in got.items():
            if named == resource:
                assert (await verifier.verify(token)).aud == resource
            else:
                with pytest.raises(InvalidToken) as refusal:
                    await verifier.verify(token)
                assert refusal.value.description == Refusal.OTHER_AUDIENCE


async def test_userinfo_and_introspection_take_tokens_for_every_resource(
    app: Any, person: Person
) -> None:
    for resource, token in (await tokens(app, person)).items():
        bearer = {"authorization": f"Bearer {token}"}
        said = (await app.http.get("/userinfo", headers=bearer)).json()
        assert said["preferred_username"] == "alice"
        # Whoever asks, and whomever it stands for: it sees in `aud` for whom the token is.
        asked = await app.http.post("/introspect", data={"token": token}, auth=("batch", SECRET))
        assert (asked.json()["active"], asked.json()["aud"]) == (True, resource)


async def test_a_token_for_any_resource_ends_its_log_in(app: Any, person: Person) -> None:
    for token in (await tokens(app, person)).values():
        form = {"token": token}
        answer = await app.http.post("/revoke", data=form, auth=("app", SECRET))
        assert answer.status_code == 200
        asked = await app.http.post("/introspect", data=form, auth=("app", SECRET))
        assert asked.json() == {"active": False}


async def test_no_token_for_a_resource_is_good_at_the_admin_api(app: Any, person: Person) -> None:
    for token in (await tokens(app, person)).values():
        bearer = {"authorization": f"Bearer {token}"}
        answer = await app.http.get("/admin/users", headers=bearer)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_the_metadata_name_the_resources_that_have_an_address(app: Any, start: Any) -> None:
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        assert (await app.http.get(path)).json()["protected_resources"] == [NOTES, MCP]
        async with start(audience="api", resources=(FILES,)) as other:
            assert "protected_resources" not in (await other.http.get(path)).json()
