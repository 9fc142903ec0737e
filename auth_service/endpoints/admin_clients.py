"""Clients, administered over REST; the commands `clients …` do the same."""

from http import HTTPStatus
from operator import attrgetter
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_service import client_administration, client_metadata
from auth_service.client_administration import NewClient
from auth_service.client_metadata import ClientMetadata
from auth_service.endpoints import server_of
from auth_service.endpoints.administrator import (
    ADMIN_TOKEN,
    BODY_REFUSALS,
    NO_STORE,
    REFUSALS,
    Administrator,
    Change,
    Limit,
    page,
)
from auth_service.endpoints.registration import RegistrationRoute
from auth_service.registration_errors import InvalidClientMetadata, InvalidRedirectUri
from auth_service.store import clients
from auth_service.store.clients import Client
from shared.errors import Conflict, NotFound
from shared.http.openapi import refusals

_EXAMPLE: Final[dict[str, Any]] = {
    "client_id": "batch",
    "client_name": "Nightly batch",
    "grant_types": ["client_credentials"],
    "scope": "notes:read",
}
_NO_NUL: Final = r"^[^\x00]*$"

router = APIRouter(
    route_class=RegistrationRoute,
    prefix="/admin/clients",
    tags=["administration"],
    dependencies=[ADMIN_TOKEN],
)


class ClientToCreate(NewClient):
    """A client to be (RFC 7591 §2), with what only an administrator may say."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})


class AdministeredClient(ClientMetadata):
    """A client, as administrators see one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {**_EXAMPLE, "first_party": False, "require_pkce": True}
                | {"client_id_issued_at": 1700000000, "disabled": False}
            ]
        }
    )

    client_id: str
    client_id_issued_at: int
    first_party: bool
    require_pkce: bool
    disabled: bool
    client_secret: Annotated[str | None, Field(description="When it is made; told once.")] = None


class ClientPage(BaseModel):
    """Some clients, by `client_id`; `next` is the `after` of those that follow, if any do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"clients": []}]})

    clients: list[AdministeredClient]
    next: str | None = None


# A client_id may be a URL, with slashes.
ClientId = Annotated[
    str,
    Path(
        description="The client_id.",
        examples=["batch"],
        min_length=1,
        max_length=1024,
        pattern=_NO_NUL,
    ),
]
After = Annotated[
    str, Query(max_length=1024, pattern=_NO_NUL, description="Where to go on.", examples=["b"])
]


@router.get(
    "",
    summary="List clients",
    response_description="Some clients.",
    operation_id="list_clients",
    response_model_exclude_none=True,
    responses=refusals(*REFUSALS),
)
async def list_clients(
    request: Request, response: Response, _by: Administrator, after: After = "", limit: Limit = 20
) -> ClientPage:
    """List clients by `client_id`, `limit` of those that come after `after`."""
    found = await clients.list_all(server_of(request).db, after=after, most=limit + 1)
    response.headers.update(NO_STORE)
    shown, next_ = page(found, limit, attrgetter("client_id"))
    return ClientPage(clients=[_shown(client) for client in shown], next=next_)


@router.post(
    "",
    summary="Create a client",
    response_description="The new client.",
    operation_id="create_client",
    status_code=HTTPStatus.CREATED,
    response_model_exclude_none=True,
    responses=refusals(*BODY_REFUSALS, InvalidClientMetadata, InvalidRedirectUri, Conflict),
)
async def create_client(
    request: Request, response: Response, by: Administrator, new: ClientToCreate
) -> AdministeredClient:
    """Create a client of any kind; a secret, if it has one, is made here and told once.

    409 `conflict` for a `client_id` that is taken.
    """
    client, secret = await client_administration.create(server_of(request), new, by=by)
    response.headers.update(NO_STORE)
    return _shown(client, secret)


@router.get(
    "/{client_id:path}",
    summary="Read a client",
    response_description="The client.",
    operation_id="read_client",
    response_model_exclude_none=True,
    responses=refusals(*REFUSALS, NotFound),
)
async def read_client(
    request: Request, response: Response, _by: Administrator, client_id: ClientId
) -> AdministeredClient:
    """Read a client, disabled or not."""
    return _answer(response, await clients.find(server_of(request).db, client_id))


@router.patch(
    "/{client_id:path}",
    summary="Disable or enable a client",
    response_description="The client, as from now on.",
    operation_id="change_client",
    response_model_exclude_none=True,
    responses=refusals(*BODY_REFUSALS, InvalidClientMetadata, NotFound),
)
async def change_client(
    request: Request, response: Response, by: Administrator, client_id: ClientId, change: Change
) -> AdministeredClient:
    """Disable a client and end all that it was given, or let it in again.

    Its users have to log in anew then.
    """
    work = client_administration.disable if change.disabled else client_administration.enable
    return _answer(response, await work(server_of(request), client_id, by=by))


def _answer(response: Response, client: Client | None) -> AdministeredClient:
    if client is None:
        raise NotFound("there is no such client")
    response.headers.update(NO_STORE)
    return _shown(client)


def _shown(client: Client, secret: str | None = None) -> AdministeredClient:
    # Not by its rules: what is stored may be older than they are.
    return AdministeredClient.model_construct(
        **client_metadata.shown(client),
        client_id=client.client_id,
        client_id_issued_at=int(client.created_at.timestamp()),
        first_party=client.first_party,
        require_pkce=client.require_pkce,
        disabled=client.disabled_at is not None,
        client_secret=secret,
    )
