"""Users, administered over REST; the commands `users …` do the same."""

import secrets
from datetime import datetime
from http import HTTPStatus
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_service import accounts
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
from auth_service.endpoints.users import NewPassword
from auth_service.store import users
from auth_service.store.users import User
from shared.errors import AccessDenied, Conflict, NotFound
from shared.http.openapi import refusals
from shared.http.strict import StrictRoute

_EXAMPLE: Final[dict[str, Any]] = {
    "sub": "5f0e3a52-2a9f-4a5b-9d0c-1d7f0d5a3a11",
    "username": "alice",
    "created_at": "2026-11-26T03:00:00Z",
    "disabled": False,
}

router = APIRouter(
    route_class=StrictRoute,
    prefix="/admin/users",
    tags=["administration"],
    dependencies=[ADMIN_TOKEN],
)


class NewUser(BaseModel):
    """A user to be; without a password one is made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"username": "alice"}]}
    )

    username: str = Field(pattern=accounts.USERNAME)
    password: NewPassword | None = None


class AdministeredUser(BaseModel):
    """A user, as administrators see one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    sub: UUID
    username: str
    created_at: datetime
    disabled: bool
    password: Annotated[str | None, Field(description="If it was made here; told once.")] = None


class UserPage(BaseModel):
    """Some users, by name; `next` is the `after` of those that follow, if any do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"users": [_EXAMPLE]}]})

    users: list[AdministeredUser]
    next: str | None = None


Username = Annotated[
    str, Path(pattern=accounts.USERNAME, description="The user's name.", examples=["alice"])
]
After = Annotated[
    str, Query(max_length=64, pattern=r"^[^\x00]*$", description="Where to go on.", examples=["al"])
]


@router.get(
    "",
    summary="List users",
    response_description="Some users.",
    operation_id="list_users",
    response_model_exclude_none=True,
    responses=refusals(*REFUSALS),
)
async def list_users(
    request: Request, response: Response, _by: Administrator, after: After = "", limit: Limit = 20
) -> UserPage:
    """List users by name, `limit` of those whose name comes after `after`."""
    found = await users.list_all(server_of(request).db, after=after, most=limit + 1)
    response.headers.update(NO_STORE)
    shown, next_ = page(found, limit, attrgetter("username"))
    return UserPage(users=[_shown(user) for user in shown], next=next_)


@router.post(
    "",
    summary="Create a user",
    response_description="The new user.",
    operation_id="create_user",
    status_code=HTTPStatus.CREATED,
    response_model_exclude_none=True,
    responses=refusals(*BODY_REFUSALS, AccessDenied, Conflict),
)
async def create_user(
    request: Request, response: Response, by: Administrator, new: NewUser
) -> AdministeredUser:
    """Create a user, also where registration is closed.

    403 `access_denied` for a password that is too easily guessed; 409 `conflict` for a name
    that is taken, whatever its case.
    """
    made = secrets.token_urlsafe(18) if new.password is None else None
    password = new.password or made or ""
    user = await accounts.register(server_of(request), new.username, password, by=by)
    response.headers.update(NO_STORE)
    return _shown(user, made)


@router.get(
    "/{username}",
    summary="Read a user",
    response_description="The user.",
    operation_id="read_user",
    response_model_exclude_none=True,
    responses=refusals(*REFUSALS, NotFound),
)
async def read_user(
    request: Request, response: Response, _by: Administrator, username: Username
) -> AdministeredUser:
    """Read a user by name, disabled or not."""
    return _answer(response, await users.find(server_of(request).db, username))


@router.patch(
    "/{username}",
    summary="Disable or enable a user",
    response_description="The user, as from now on.",
    operation_id="change_user",
    response_model_exclude_none=True,
    responses=refusals(*BODY_REFUSALS, NotFound),
)
async def change_user(
    request: Request, response: Response, by: Administrator, username: Username, change: Change
) -> AdministeredUser:
    """Disable a user and end every log-in, or let one in again, who has to log in anew."""
    work = accounts.disable if change.disabled else accounts.enable
    return _answer(response, await work(server_of(request), username, by=by))


def _answer(response: Response, user: User | None) -> AdministeredUser:
    if user is None:
        raise NotFound("there is no such user")
    response.headers.update(NO_STORE)
    return _shown(user)


def _shown(user: User, password: str | None = None) -> AdministeredUser:
    return AdministeredUser(
        sub=user.sub,
        username=user.username,
        created_at=user.created_at,
        disabled=user.disabled_at is not None,
        password=password,
    )
