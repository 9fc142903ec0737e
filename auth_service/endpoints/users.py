"""Registration, and changing one's password."""

import msgspec
from fastapi import APIRouter, Request, Response

from auth_service import accounts
from auth_service.endpoints import server_of
from auth_service.endpoints.bodies import read_json
from shared.errors import AccessDenied

router = APIRouter(tags=["Users"])


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a new user says of himself."""

    username: str
    password: str


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proof of who asks, and the new password."""

    old_password: str
    new_password: str


@router.post("/users", status_code=201)
async def register(request: Request) -> Response:
    """Register a user."""
    server = server_of(request)
    if server.settings.registration == "closed":
        raise AccessDenied("registration is closed")
    asked = await read_json(request, Registration)
    user = await accounts.register(server, asked.username, asked.password)
    body = msgspec.json.encode({"sub": str(user.sub), "username": user.username})
    return Response(body, 201, {"cache-control": "no-store"}, "application/json")


@router.put("/users/{username}/password", status_code=204)
async def change_password(request: Request, username: str) -> Response:
    """Change a password, and log the user out everywhere."""
    asked = await read_json(request, PasswordChange)
    server = server_of(request)
    await accounts.change_password(server, username, asked.old_password, asked.new_password)
    return Response(status_code=204, headers={"cache-control": "no-store"})
