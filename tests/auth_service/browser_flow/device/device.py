"""What a device does that has no browser, and a person with one elsewhere."""

from typing import Any

import httpx

from auth_service.device_authorization import GRANT_TYPE
from tests.auth_service.browser_flow.person import Person

ISSUER = "http://127.0.0.1:8000"
FREE = 5  # wrong codes before somebody has to wait
UNKNOWN = "BBBB-BBBB"  # one in 20⁸ that a device has it
Codes = dict[str, Any]


async def begin(
    app: Any, scope: str = "notes:read", client_id: str = "tv", resource: str = ""
) -> Codes:
    response = await app.http.post(
        "/device_authorization",
        data={"client_id": client_id, "scope": scope, "resource": resource},
    )
    assert response.status_code == 200, response.text
    codes: Codes = response.json()
    return codes


async def poll(app: Any, codes: Codes, client_id: str = "tv") -> httpx.Response:
    response: httpx.Response = await app.http.post(
        "/token",
        data={
            "grant_type": GRANT_TYPE,
            "client_id": client_id,
            "device_code": codes["device_code"],
        },
    )
    assert response.headers["cache-control"] == "no-store"
    return response


async def error(app: Any, codes: Codes, client_id: str = "tv") -> str:
    response = await poll(app, codes, client_id)
    assert response.status_code == 400
    return str(response.json()["error"])


async def log_in(person: Person, codes: Codes | None = None, username: str = "alice") -> Any:
    """Follow the device's link, log in, and come to the page that asks for the code."""
    path = "/device" if codes is None else codes["verification_uri_complete"]
    return await person.log_in(await person.get(path), username)


async def decide(person: Person, codes: Codes, decision: str = "allow") -> httpx.Response:
    page = await person.submit(await person.get("/device"), user_code=codes["user_code"])
    assert "Let this device in?" in page.text, page.text
    return await person.submit(page, decision=decision)
