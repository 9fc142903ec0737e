"""Dynamic registration of clients (RFC 7591), and its management (RFC 7592)."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import ConfigDict, Field

from auth_service import client_metadata, registration, throttling
from auth_service.client_metadata import ClientMetadata, Text
from auth_service.endpoints import server_of
from auth_service.endpoints.address import address_of
from auth_service.registration import Registered
from auth_service.registration_errors import InvalidClientMetadata, InvalidRedirectUri
from shared.bearer import bearer_token
from shared.errors import (
    AccessDenied,
    ContentTooLarge,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    TemporarilyUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)
from shared.http import headers
from shared.http.openapi import refusals
from shared.http.strict import StrictRoute

PATH: Final = "/clients"
_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}  # RFC 7591 §3.2.1
_BODY: Final = (
    *(InvalidRequest, InvalidClientMetadata, InvalidRedirectUri, ContentTooLarge),
    *(UnsupportedMediaType, TemporarilyUnavailable),
)
_EXAMPLE: Final[dict[str, Any]] = {
    "client_name": "Reader",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
    "scope": "openid notes:read",
}
# For the document only.
_INITIAL_TOKEN: Final = Security(
    HTTPBearer(
        scheme_name="initial_access_token",
        description="What an administrator has given (RFC 7591 §3), where that is needed.",
        auto_error=False,
    )
)
_REGISTRATION_TOKEN: Final = Security(
    HTTPBearer(
        scheme_name="registration_access_token",
        description="What the client got when it registered (RFC 7592).",
        auto_error=False,
    )
)


class RegistrationRoute(StrictRoute):
    """A route whose body is client metadata, with the error codes for what is wrong with them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the translation around it."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                body = [item for item in error.errors() if item["loc"][0] == "body"]
                if not body:
                    raise
                # Our own names only: a member that we do not know is its sender's.
                known = (item["loc"][1:2] for item in body if item["type"] != "extra_forbidden")
                names = sorted({str(name) for place in known for name in place})
                kind = InvalidRedirectUri if "redirect_uris" in names else InvalidClientMetadata
                raise kind(f"invalid: {', '.join(names) or 'the metadata'}") from None

        return handle


class Registration(ClientMetadata):
    """What a client registers (RFC 7591 §2)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})


class Update(ClientMetadata):
    """What a client registers instead of what it had (RFC 7592 §2.2)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"client_id": "c.AZ9mWXZ2dLwCk", **_EXAMPLE}]}
    )

    client_id: Text
    client_secret: Text | None = None


class ClientInformation(ClientMetadata):
    """A client as it is registered (RFC 7591 §3.2.1, RFC 7592 §3); null means nothing there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "client_id": "c.AZ9mWXZ2dLwCk",
                    "client_id_issued_at": 1700000000,
                    "registration_access_token": "aknOu42HSzyoWwDY",
                    "registration_client_uri": "http://127.0.0.1:8000/clients/c.AZ9mWXZ2dLwCk",
                }
            ]
        }
    )

    client_id: str
    client_id_issued_at: int
    client_secret: Annotated[str | None, Field(description="Told once.")] = None
    client_secret_expires_at: Annotated[int | None, Field(description="0: never.")] = None
    registration_access_token: str
    registration_client_uri: str


router = APIRouter(route_class=RegistrationRoute, prefix=PATH, tags=["clients"])
ClientId = Annotated[
    str,
    Path(
        description="The client_id.",
        examples=["c.AZ9mWXZ2dLwCk"],
        max_length=200,
        pattern=r"^[A-Za-z0-9._~-]+$",
    ),
]


async def _may_register(request: Request) -> str | None:
    """Return the initial access token where one is needed; refuse whoever has none."""
    mode = server_of(request).settings.client_registration
    if mode == "closed":
        raise AccessDenied("clients cannot register themselves here")
    if mode == "token":
        return bearer_token(headers.single(request, "authorization"))
    server = server_of(request)
    await throttling.admit(server, throttling.client_registration(server, address_of(request)))
    return None


async def _registration_token(request: Request) -> str:
    return bearer_token(headers.single(request, "authorization"))


InitialToken = Annotated[str | None, Depends(_may_register)]
RegistrationToken = Annotated[str, Depends(_registration_token)]


@router.post(
    "",
    summary="Register a client",
    response_description="What was registered: this may be less than what was asked for.",
    operation_id="register_client",
    status_code=HTTPStatus.CREATED,
    response_model_exclude_none=True,
    responses=refusals(*_BODY, AccessDenied, MissingToken, InvalidToken, TooManyRequests),
    dependencies=[_INITIAL_TOKEN],
    openapi_extra={"security": [{}]},  # or without, where everybody may
)
async def register(
    request: Request, response: Response, initial_token: InitialToken, metadata: Registration
) -> ClientInformation:
    """Register a client (RFC 7591).

    Whether everybody may, or only who has an initial access token, or nobody, is a setting; 403
    `access_denied` means nobody. Metadata that are not known here are ignored. The secret and
    the registration access token are told now and never again.
    """
    server = server_of(request)
    registered = await registration.register(server, metadata, initial_token)
    return _answer(request, response, registered)


@router.get(
    "/{client_id}",
    summary="Read a registration",
    response_description="What is registered.",
    operation_id="read_registration",
    response_model_exclude_none=True,
    responses=refusals(InvalidRequest, MissingToken, InvalidToken, TemporarilyUnavailable),
    dependencies=[_REGISTRATION_TOKEN],
)
async def read(
    request: Request, response: Response, client_id: ClientId, token: RegistrationToken
) -> ClientInformation:
    """Read what a client has registered (RFC 7592 §2.1), but for its secret, which is not kept."""
    registered = await registration.read(server_of(request), client_id, token)
    return _answer(request, response, registered)


@router.put(
    "/{client_id}",
    summary="Change a registration",
    response_description="What is registered now.",
    operation_id="update_registration",
    response_model_exclude_none=True,
    responses=refusals(*_BODY, MissingToken, InvalidToken),
    dependencies=[_REGISTRATION_TOKEN],
)
async def update(
    request: Request,
    response: Response,
    client_id: ClientId,
    token: RegistrationToken,
    metadata: Update,
) -> ClientInformation:
    """Replace everything that a client has registered (RFC 7592 §2.2).

    What is left out is unsaid. The answer has a new registration access token; the one that was
    used is good for nothing any more.
    """
    if metadata.client_id != client_id:
        raise InvalidRequest("client_id is not the one of the address (RFC 7592 §2.2)")
    registered = await registration.update(
        server_of(request), client_id, token, metadata, metadata.client_secret
    )
    return _answer(request, response, registered)


@router.delete(
    "/{client_id}",
    summary="Delete a registration",
    response_description="The client has ended, with all that it was given.",
    operation_id="delete_registration",
    status_code=HTTPStatus.NO_CONTENT,
    responses=refusals(InvalidRequest, MissingToken, InvalidToken, TemporarilyUnavailable),
    dependencies=[_REGISTRATION_TOKEN],
)
async def delete(request: Request, client_id: ClientId, token: RegistrationToken) -> Response:
    """End a client, its tokens and every log-in at it (RFC 7592 §2.3)."""
    await registration.delete(server_of(request), client_id, token)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_NO_STORE)


def _answer(request: Request, response: Response, registered: Registered) -> ClientInformation:
    client = registered.client
    response.headers.update(_NO_STORE)
    issuer = server_of(request).settings.issuer
    return ClientInformation(
        **client_metadata.shown(client),
        client_id=client.client_id,
        client_id_issued_at=int(client.created_at.timestamp()),
        client_secret=registered.client_secret,
        client_secret_expires_at=None if registered.client_secret is None else 0,
        registration_access_token=registered.registration_access_token,
        registration_client_uri=f"{issuer}{PATH}/{client.client_id}",
    )
