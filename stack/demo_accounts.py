"""The demo user and clients, made through the auth service's own admin commands."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx

from stack.admin_commands import run_admin_command
from stack.errors import StackError

T = TypeVar("T")

_SCOPE: Final = "notes:read notes:write"
_USER_GRANTS: Final = ("password", "refresh_token")


async def create(environment: Mapping[str, str]) -> dict[str, str]:
    """Make a user, a confidential and a public client; return them as DEMO_* variables.

    Passwords and secrets are random. `environment` is the auth service's. Both clients are
    first-party, so that they may use the password grant (RFC 9700 §2.4 forbids it elsewhere).
    """
    password = secrets.token_urlsafe(15)

    async def user(name: str) -> str:
        command = ["users", "create", name, "--password-stdin"]
        await run_admin_command(environment, command, given=password)
        return name

    async def client(name: str) -> dict[str, Any]:
        command = _new_client(name, "Demo client", ("client_credentials", *_USER_GRANTS))
        answer: dict[str, Any] = json.loads(await run_admin_command(environment, command))
        return answer

    async def public_client(name: str) -> str:
        await run_admin_command(
            environment, [*_new_client(name, "API docs", _USER_GRANTS), "--public"]
        )
        return name

    made_user, made_client, made_public = await asyncio.gather(
        _under_a_free_name("demo", user),
        _under_a_free_name("demo-client", client),
        _under_a_free_name("demo-docs", public_client),
    )
    return {
        "DEMO_USERNAME": made_user,
        "DEMO_PASSWORD": password,
        "DEMO_CLIENT_ID": made_client["client_id"],
        "DEMO_CLIENT_SECRET": made_client["client_secret"],
        "DEMO_PUBLIC_CLIENT_ID": made_public,
    }


async def still_work(auth_url: str, demo: Mapping[str, str]) -> bool:
    """Tell whether these credentials get a token: the database may be another one by now."""
    if "DEMO_PUBLIC_CLIENT_ID" not in demo:
        return False
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        answer = await http.post(
            f"{auth_url}/token",
            data={
                "grant_type": "password",
                "username": demo["DEMO_USERNAME"],
                "password": demo["DEMO_PASSWORD"],
            },
            auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
        )
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise StackError(f"the auth service is ready but answers {answer.status_code} at /token")
    return answer.status_code == httpx.codes.OK


async def _under_a_free_name(name: str, make: Callable[[str], Awaitable[T]]) -> T:
    """Make it under `name`, or with a random ending if that is taken."""
    try:
        return await make(name)
    except StackError:
        return await make(f"{name}-{secrets.token_hex(3)}")


def _new_client(name: str, title: str, grants: Sequence[str]) -> list[str]:
    command = ["clients", "create", name, "--name", title, "--first-party", "--json"]
    for grant in grants:
        command += ["--grant", grant]
    return [*command, "--scope", _SCOPE]
