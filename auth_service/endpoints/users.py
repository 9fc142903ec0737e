"""Registration, and changing one's password."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_service import accounts, pages, passwords
from auth_service.endpoints import server_of
from auth_service.endpoints.address import address_of
from auth_service.throttling import Caller
from shared.errors import (
    AccessDenied,
    Conflict,
    ContentTooLarge,
    InvalidRequest,
    TemporarilyUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)
from shared.http.openapi import refusals
from shared.http.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, prefix="/users", tags=["users"])

_BODY: Final = (
    *(InvalidRequest, ContentTooLarge, UnsupportedMediaType, TemporarilyUnavailable),
    TooManyRequests,
)
_NO_STORE: Final = {"cache-control": "no-store"}
_NO_NUL: Final = r"^[^\x00]*$"

NewPassword = Annotated[
    str,
    Field(
        description="8 characters to 1024 bytes of UTF-8, none of the most common ones.",
        min_length=passwords.MINIMUM,
        max_length=passwords.MAXIMUM,
        pattern=_NO_NUL,
    ),
]


def _example(**members: str) -> ConfigDict:
    examples: list[Any] = [members]
    return ConfigDict(extra="forbid", json_schema_extra={"examples": examples})


class Registration(BaseModel):
    """A new user."""

    model_config = _example(username="alice", password="seven green apples")  # noqa: S106

    username: str = Field(pattern=accounts.USERNAME)
    password: NewPassword


class RegisteredUser(BaseModel):
    """A user; `sub` is what tokens name him by, and never changes."""

    model_config = _example(sub="5f0e3a52-2a9f-4a5b-9d0c-1d7f0d5a3a11", username="alice")

    sub: UUID
    username: str


class PasswordChange(BaseModel):
    """The proof of who asks, and the new password."""

    model_config = _example(old_password="seven green apples", new_password="eight red pears")  # noqa: S106

    old_password: str = Field(max_length=passwords.MAXIMUM, pattern=_NO_NUL)
    new_password: NewPassword


@router.post(
    "",
    summary="Register",
    response_description="The new user.",
    status_code=HTTPStatus.CREATED,
    responses=refusals(*_BODY, AccessDenied, Conflict),
)
async def register(
    request: Request, response: Response, registration: Registration
) -> RegisteredUser:
    """Register a user, who can log in at once.

    403 `access_denied` where registration is closed, and for a password that is too easily
    guessed; 409 `conflict` for a name that is taken, whatever its case.
    """
    server = server_of(request)
    if server.settings.registration == "closed":
        raise AccessDenied("registration is closed")
    user = await accounts.register(
        server, registration.username, registration.password, address_of(request)
    )
    response.headers.update(_NO_STORE)
    return RegisteredUser(sub=user.sub, username=user.username)


@router.put(
    "/{username}/password",
    summary="Change a password",
    response_description="It is changed.",
    status_code=HTTPStatus.NO_CONTENT,
    responses=refusals(*_BODY, AccessDenied),
)
async def change_password(
    request: Request,
    username: Annotated[
        str, Path(pattern=accounts.USERNAME, description="The user's name.", examples=["alice"])
    ],
    change: PasswordChange,
) -> Response:
    """Change a password and end every log-in of the user; the old password proves who asks.

    A wrong one, or an unknown user, is 403 `access_denied`: 401 would have to name an HTTP
    authentication scheme to try again with (RFC 9110 §15.5.2), and there is none here.
    """
    server = server_of(request)
    await accounts.change_password(
        server,
        username,
        change.old_password,
        change.new_password,
        Caller(address_of(request)),
        language=pages.language_of(request),
    )
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_NO_STORE)
