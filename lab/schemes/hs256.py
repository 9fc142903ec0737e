"""`hs256`: a token under an HMAC key that all replicas share (RFC 7518 §3.2).

Whoever can verify can also make tokens, so any replica logs people in, and any replica's
configuration is enough to be anybody.
"""

import hmac
import secrets
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from lab import client
from lab.client import Headers
from lab.schemes import Account, LogIn, Person, Places, Scheme, Site, serving
from lab.schemes.password_check import ClientSettings, check_password, credentials
from resource_service.app import create_app as create_resource_app
from resource_service.authenticator import Authenticator, Scope
from resource_service.settings import Settings
from shared import jws
from shared.access_token import LEEWAY, MAXIMUM_LENGTH, AccessToken
from shared.bearer import bearer_token
from shared.errors import InvalidToken

# The one header there is; another one is refused unread, whatever it says.
HEADER: Final = jws.encode(b'{"alg":"HS256","typ":"at+jwt"}')


class Hs256Settings(ClientSettings):
    """The shared key, from LAB_HS256_SECRET."""

    hs256_secret: SecretStr


class Hs256Authenticator(Authenticator):
    """Verifies the token in the Authorization header with the shared key. Caches nothing."""

    def __init__(self, secret: bytes, issuer: str, audience: str) -> None:
        self._secret = secret
        self._issuer = issuer
        self._audience = audience
        self._decode = msgspec.json.Decoder(AccessToken).decode

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the token's claims, or raise `MissingToken` or `InvalidToken`."""
        token = bearer_token(Request(scope).headers.get("authorization"))
        if len(token) > MAXIMUM_LENGTH:
            raise InvalidToken("the token is too long")
        try:
            header, payload, signature = token.encode("ascii").split(b".")
            signature_octets = jws.decode(signature)
        except ValueError as error:
            raise InvalidToken("the token is malformed", reason=str(error)) from error
        expected = hmac.digest(self._secret, header + b"." + payload, "sha256")
        if header != HEADER or not hmac.compare_digest(expected, signature_octets):
            raise InvalidToken("the signature is wrong")
        return self._checked(self._decode(jws.decode(payload)))

    def _checked(self, claims: AccessToken) -> AccessToken:
        now = time.time()
        if claims.iss != self._issuer or claims.aud != self._audience:
            raise InvalidToken("the token is for somebody else")
        if not claims.iat - LEEWAY <= now < claims.exp + LEEWAY:
            raise InvalidToken("the token has expired")
        return claims


def sign(secret: bytes, claims: AccessToken) -> str:
    """Make a token."""
    message = HEADER + b"." + jws.encode(msgspec.json.encode(claims))
    return (message + b"." + jws.encode(hmac.digest(secret, message, "sha256"))).decode("ascii")


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with this authenticator, and add `/login`."""
    own = Hs256Settings.load()
    secret = own.hs256_secret.get_secret_value().encode()
    authenticator = Hs256Authenticator(secret, settings.issuer, settings.audience)
    app = create_resource_app(settings, authenticator=authenticator)
    router = APIRouter(tags=["token"])

    @router.post("/login")
    async def log_in(request: Request) -> JSONResponse:
        """Sign who the issuer says it is."""
        username, password = credentials(await request.body())
        claims = await check_password(settings.issuer, own, username, password)
        token = sign(secret, msgspec.structs.replace(claims, jti=secrets.token_urlsafe(16)))
        return JSONResponse({"access_token": token}, headers={"cache-control": "no-store"})

    app.include_router(router)
    return app


async def _log_in(http: client.Client, site: Site, account: Account) -> LogIn:
    request = client.Request.form(
        f"{site.api}/login",
        [("username", account.username), ("password", account.password)],
    )
    response = await http.send(request)
    if response.status != HTTPStatus.OK:
        return LogIn(request, response, credential=())
    token = response.json()["access_token"]
    return LogIn(request, response, credential=(("authorization", f"Bearer {token}"),))


async def _seed(places: Places, people: Sequence[Person]) -> list[Headers]:
    secret = places.hs256_secret.encode()
    return [(("authorization", f"Bearer {sign(secret, person.claims)}"),) for person in people]


SCHEME: Final = Scheme(
    name="hs256",
    title="token under a shared key (HS256)",
    module="lab.schemes.hs256",
    log_in=_log_in,
    seed=_seed,
    variables=("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_HS256_SECRET"),
)

if __name__ == "__main__":
    serving.main(create_app)
