"""Who the token says is calling, and which replica says so."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from resource_service.endpoints import PROTECTED, Route
from resource_service.protection import requires
from shared.access_token import AccessToken
from shared.http.openapi import refusals

router = APIRouter(route_class=Route, tags=["whoami"])

_EXAMPLE: Final[dict[str, Any]] = {
    "iss": "http://127.0.0.1:8000",
    "sub": "5b0cf9a1-6a68-4f7e-b3a6-2f4b6f3f8f0a",
    "aud": "http://127.0.0.1:8080",
    "client_id": "demo",
    "scope": "notes:read notes:write",
    "iat": 1700000000,
    "exp": 1700000300,
    "jti": "q3mJ8sW2m0yX1uQ7d1oZ0g",
    "replica": "host:8081",
}


class WhoAmI(BaseModel):
    """The claims of the verified token (RFC 9068 §2.2), and who verified it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    client_id: str
    scope: str
    iat: int
    exp: int
    jti: str
    replica: str


@router.get(
    "/whoami",
    summary="Who am I?",
    response_description="The claims, and the replica's name.",
    responses=refusals(*PROTECTED),
)
async def whoami(request: Request, token: Annotated[AccessToken, Depends(requires())]) -> WhoAmI:
    """Return the claims of the caller's token, and the name of the replica that verified it.

    Any valid token will do. No database and no issuer is asked.
    """
    return WhoAmI(
        iss=token.iss,
        sub=token.sub,
        aud=token.aud,
        client_id=token.client_id,
        scope=token.scope_value,
        iat=token.iat,
        exp=token.exp,
        jti=token.jti,
        replica=request.app.state.settings.replica,
    )
