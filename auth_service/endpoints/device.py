"""The page where a person lets a device in that has no browser (RFC 8628 §3.3)."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from auth_service import device_authorization, pages, resources, user_codes
from auth_service import scope as scopes
from auth_service.endpoints import browser, server_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.parameters import Parameters
from auth_service.store.device_codes import WaitingDevice
from auth_service.store.sessions import Session
from shared.errors import TooManyRequests

PATH: Final = "/device"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATH)
async def device_page(request: Request) -> Response:
    """Ask for the code. One in the address is filled in, but not taken for granted (§3.3.1)."""
    visitor = await browser.of(request)
    typed = Parameters.parse(request.scope["query_string"]).get("user_code", "")
    if visitor.session is None:
        return _to_log_in(request, typed)
    return _form(request, visitor, typed)


@router.post(PATH)
async def enter(request: Request) -> Response:
    """Take the code, and ask whether the device that shows it is let in."""
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    typed = parameters.get("user_code", "")
    if visitor.session is None:
        return _to_log_in(request, typed)
    user_code = user_codes.read(typed)
    if user_code is None:
        return _form(request, visitor, typed, problem="bad_user_code")
    try:
        device = await device_authorization.find(server_of(request), visitor.session, user_code)
    except TooManyRequests as error:
        browser.count(request, error)
        headers = browser.retry_after(error)
        return _form(request, visitor, typed, problem="too_often", status_code=429, headers=headers)
    if device is None:
        return _form(request, visitor, typed, problem="unknown_user_code")
    return _question(request, visitor, visitor.session, user_code, device)


@router.post(f"{PATH}/decision")
async def decide(request: Request) -> Response:
    """Take the answer, once."""
    server = server_of(request)
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    user_code = user_codes.read(parameters.get("user_code", ""))
    if visitor.session is None or user_code is None:
        raise StaleRequest("nobody is logged in for this request any more")
    if await device_authorization.find(server, visitor.session, user_code) is None:
        raise StaleRequest("the device waits no more")
    allowed = parameters.get("decision") == "allow"
    decided = (
        await device_authorization.approve(server, visitor.session, user_code)
        if allowed
        else await device_authorization.deny(server, user_code)
    )
    if not decided:
        raise StaleRequest("the device waits no more")
    heading = "device_allowed" if allowed else "device_denied"
    return pages.render(request, "message", heading=heading, text=f"{heading}_text")


def _to_log_in(request: Request, typed: str) -> Response:
    user_code = user_codes.read(typed)
    query = f"?{urlencode({'user_code': user_code})}" if user_code else ""
    return browser.to_login(request, PATH + query)


def _form(
    request: Request,
    visitor: Browser,
    typed: str,
    *,
    problem: str | None = None,
    status_code: int = 400,
    headers: dict[str, str] | None = None,
) -> Response:
    return pages.render(
        request,
        "device",
        status_code=status_code if problem else 200,
        headers=headers,
        csrf_token=visitor.csrf_token,
        user_code=user_codes.read(typed) or "",
        problem=problem,
    )


def _question(
    request: Request, visitor: Browser, session: Session, user_code: str, device: WaitingDevice
) -> Response:
    next_ = f"{PATH}?{urlencode({'user_code': user_code})}"
    server = server_of(request)
    return pages.render(
        request,
        "device_consent",
        csrf_token=visitor.csrf_token,
        user_code=user_code,
        client_name=device.client_name,
        scopes=scopes.in_order(device.scope),
        resources=resources.places(server, [device.resource]),
        username=session.username,
        login_url=f"{server.settings.issuer}/login?{urlencode({'next': next_})}",
    )
