"""Who administers this server over REST: a client with an access token for it, scope `admin`."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict

from auth_service.endpoints import server_of
from auth_service.introspection import is_revoked
from auth_service.scope import ADMIN
from shared.bearer import bearer_token
from shared.errors import (
    ContentTooLarge,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    TemporarilyUnavailable,
    UnsupportedMediaType,
)
from shared.http import headers

T = TypeVar("T")
REFUSALS: Final = (
    *(InvalidRequest, MissingToken, InvalidToken, InsufficientScope, TemporarilyUnavailable),
)
BODY_REFUSALS: Final = (*REFUSALS, ContentTooLarge, UnsupportedMediaType)
NO_STORE: Final = {"cache-control": "no-store"}
MOST: Final = 100
# For the document only.
ADMIN_TOKEN: Final = Security(
    HTTPBearer(
        scheme_name="admin_access_token",
        bearerFormat="JWT",
        description="An access token for this server: the scope `admin`, by `client_credentials`.",
        auto_error=False,
    )
)


async def _administrator(request: Request) -> str:
    """Return the client that asks; refuse every token that is not for this, or was revoked."""
    server = server_of(request)
    token = bearer_token(headers.single(request, "authorization"))
    claims = await server.admin_tokens.verify(token)
    if await is_revoked(server, claims):
        raise InvalidToken("the token was revoked")
    if ADMIN not in claims.scope:
        raise InsufficientScope(frozenset({ADMIN}))
    return claims.client_id


Administrator = Annotated[str, Depends(_administrator)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.", examples=[20])]


def page(
    found: Sequence[T], limit: int, name: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """Return the first `limit`, and the name of the last one if there are more, to go on after."""
    first = found[:limit]
    return first, name(first[-1]) if len(found) > limit else None


class Change(BaseModel):
    """What may be changed of a user or a client."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"disabled": True}]}
    )

    disabled: bool
