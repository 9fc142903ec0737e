"""The demo user and clients, made through the auth service's own admin commands."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx

from stack.admin_commands import run_admin_command
from stack.errors import StackError

T = TypeVar("T")

_SCOPE: Final = "notes:read notes:write openid profile email address phone offline_access"
_USER_GRANTS: Final = ("authorization_code", "password", "refresh_token")
_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
# A program on this machine that waits for its code, on whatever port (RFC 8252 §7.3).
_CALLBACK: Final = "http://127.0.0.1/callback"


async def ready(
    environment: Mapping[str, str], auth_url: str, api_url: str, demo: Mapping[str, str]
) -> dict[str, str]:
    """Return the accounts as DEMO_* variables: those of the run before, as far as they still work.

    The database may be another one by now: then all are new. The ports may be others: then the
    docs page is at another address, and gets another client. The user stays, whose notes are
    there.

    Passwords and secrets are random. `environment` is the auth service's. Both clients are
    first-party, so that they may use the password grant (RFC 9700 §2.4 forbids it elsewhere).
    """
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        if not await _log_in_works(http, auth_url, demo):
            return await _create(environment)
        if await _docs_page_works(http, auth_url, api_url, demo["DEMO_PUBLIC_CLIENT_ID"]):
            return dict(demo)
    return {**demo, "DEMO_PUBLIC_CLIENT_ID": await _create_docs_client(environment)}


async def _create(environment: Mapping[str, str]) -> dict[str, str]:
    """Make a user, a confidential and a public client."""
    password = secrets.token_urlsafe(15)

    async def user(name: str) -> str:
        command = ["users", "create", name, "--password-stdin"]
        await run_admin_command(environment, command, given=password)
        return name

    async def client(name: str) -> dict[str, Any]:
        command = _new_client(
            name, "Demo client", ("client_credentials", *_USER_GRANTS, _DEVICE), [_CALLBACK]
        )
        answer: dict[str, Any] = json.loads(await run_admin_command(environment, command))
        return answer

    made_user, made_client, made_public = await asyncio.gather(
        _under_a_free_name("demo", user),
        _under_a_free_name("demo-client", client),
        _create_docs_client(environment),
    )
    return {
        "DEMO_USERNAME": made_user,
        "DEMO_PASSWORD": password,
        "DEMO_CLIENT_ID": made_client["client_id"],
        "DEMO_CLIENT_SECRET": made_client["client_secret"],
        "DEMO_PUBLIC_CLIENT_ID": made_public,
    }


async def _create_docs_client(environment: Mapping[str, str]) -> str:
    """Make the public client of the docs pages, at all addresses that they have in this run."""

    async def public_client(name: str) -> str:
        origins = environment["AUTH_CORS_ORIGINS"].split()
        command = _new_client(name, "API docs", _USER_GRANTS, map(_docs_page, origins))
        await run_admin_command(environment, [*command, "--public"])
        return name

    return await _under_a_free_name("demo-docs", public_client)


async def _log_in_works(http: httpx.AsyncClient, auth_url: str, demo: Mapping[str, str]) -> bool:
    """Tell whether the user and the confidential client get a token."""
    if "DEMO_PUBLIC_CLIENT_ID" not in demo:
        return False
    answer = await http.post(
        f"{auth_url}/token",
        data={
            "grant_type": "password",
            "username": demo["DEMO_USERNAME"],
            "password": demo["DEMO_PASSWORD"],
        },
        auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
    )
    _check_up(answer)
    return answer.status_code == httpx.codes.OK


async def _docs_page_works(
    http: httpx.AsyncClient, auth_url: str, api_url: str, client_id: str
) -> bool:
    """Tell whether the docs page at `api_url` gets a code."""
    answer = await http.get(
        f"{auth_url}/authorize",
        params={
            "client_id": client_id,
            "redirect_uri": _docs_page(api_url.replace("127.0.0.1", "localhost")),
            "prompt": "none",
        },
    )
    _check_up(answer)
    # Any answer that is sent to the redirect URI means that this one is registered.
    return answer.has_redirect_location


def _check_up(answer: httpx.Response) -> None:
    """Refuse to judge by an answer that says nothing of what was asked."""
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        path = answer.request.url.path
        raise StackError(f"the auth service is ready but answers {answer.status_code} at {path}")


def _docs_page(origin: str) -> str:
    return f"{origin}/docs/oauth2-redirect"


async def _under_a_free_name(name: str, make: Callable[[str], Awaitable[T]]) -> T:
    """Make it under `name`, or with a random ending if that is taken."""
    try:
        return await make(name)
    except StackError:
        return await make(f"{name}-{secrets.token_hex(3)}")


def _new_client(
    name: str, title: str, grants: Sequence[str], redirect_uris: Iterable[str]
) -> list[str]:
    command = ["clients", "create", name, "--name", title, "--first-party", "--json"]
    for grant in grants:
        command += ["--grant", grant]
    for redirect_uri in redirect_uris:
        command += ["--redirect-uri", redirect_uri]
    return [*command, "--scope", _SCOPE]
