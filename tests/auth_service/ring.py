"""What tests of the key ring ask of an issuer."""

import json
from typing import Any

from auth_service import key_schedule
from auth_service.store import signing_keys
from auth_service.store.signing_keys import StoredKey
from shared import jws


async def stored(issuer: Any) -> dict[str, StoredKey]:
    """Every key there ever was, by its kid."""
    return {key.kid: key for key in await signing_keys.ring(issuer.server.db, None)}


async def states(issuer: Any) -> list[str]:
    ring = await signing_keys.ring(issuer.server.db, issuer.server.time())
    return sorted(key.state for key in key_schedule.present(ring))


async def turn(issuer: Any) -> None:
    """Read the ring, do what is due, and read it again."""
    server = issuer.server
    await server.keys.reload(server.db)
    await server.rotation.advance(server.db, server.keys.stored)
    await server.keys.reload(server.db)


async def published(issuer: Any) -> list[str]:
    """The kids in the JWKS, after what is due was done."""
    await turn(issuer)
    response = await issuer.http.get("/.well-known/jwks.json")
    return [key["kid"] for key in response.json()["keys"]]


async def new_token(issuer: Any) -> str:
    response = await issuer.token(grant_type="client_credentials")
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


async def kid_of_new_token(issuer: Any) -> str:
    kid: str = json.loads(jws.decode((await new_token(issuer)).split(".")[0].encode()))["kid"]
    return kid
