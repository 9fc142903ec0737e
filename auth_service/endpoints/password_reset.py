"""A new password for whoever has forgotten the old one, by a link in a mail."""

from typing import Final

from fastapi import APIRouter, Request, Response

from auth_service import accounts, mails, pages, passwords, throttling
from auth_service.endpoints import browser, server_of
from auth_service.endpoints.address import address_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.parameters import Parameters
from auth_service.store import mail_tokens
from auth_service.store.mails import Kind
from shared.errors import (
    InvalidRequest,
    NotFound,
    OAuthError,
    TemporarilyUnavailable,
    TooManyRequests,
)

FORGOT: Final = "/password/forgot"
RESET: Final = mails.PATHS[Kind.RESET]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(FORGOT)
async def forgot_page(request: Request) -> Response:
    """Ask for the address."""
    check_offered(request)
    return _page(request, "forgot_password", await browser.of(request))


@router.post(FORGOT)
async def forgot(request: Request) -> Response:
    """Have a link sent, if it is somebody's; the answer is the same, and takes as long, if not."""
    check_offered(request)
    server, visitor = server_of(request), await browser.of(request)
    parameters = await browser.form(request, visitor)
    email = parameters.get("email", "").strip()
    try:
        await throttling.admit(server, throttling.mail(server, email, address_of(request)))
        await mails.ask(server, Kind.RESET, None, email, pages.language_of(request))
    except OAuthError as error:
        return _page(request, "forgot_password", visitor, error, email=email)
    return pages.render(request, "message", heading="mail_sent", text="reset_sent_hint")


@router.get(RESET)
async def reset_page(request: Request) -> Response:
    """Ask for the new password, if the link can still be used."""
    parameters = Parameters.parse(request.scope["query_string"])
    token = parameters.get("token", "")
    username = await _username(request, token)
    visitor = await browser.of(request)
    return _page(request, "reset_password", visitor, token=token, username=username)


@router.post(RESET)
async def reset(request: Request) -> Response:
    """Set it, once; the person then logs in with it, with a second factor if there is one."""
    server, visitor = server_of(request), await browser.of(request)
    parameters = await browser.form(request, visitor)
    token, new = parameters.get("token", ""), parameters.get("new_password", "")
    username = await _username(request, token)
    try:
        passwords.check_policy(new, username)
        language = pages.language_of(request)
        done = await accounts.reset_password(server, mails.sha256(token), new, language)
    except OAuthError as error:
        values = {"token": token, "username": username}
        return _page(request, "reset_password", visitor, error, **values)
    if not done:
        raise StaleRequest("the link has been used, or is too old")
    return pages.render(request, "password_is_reset")


def check_offered(request: Request) -> None:
    """Refuse with `NotFound` where no mail can be sent."""
    if server_of(request).settings.smtp_url is None:
        raise NotFound("no mails are sent here")


async def _username(request: Request, token: str) -> str:
    server = server_of(request)
    since = server.time() - mails.LIFETIMES[Kind.RESET]
    username = await mail_tokens.find(server.db, mails.sha256(token), Kind.RESET, since)
    if username is None:
        raise StaleRequest("the link has been used, or is too old")
    return username


def _page(
    request: Request,
    template: str,
    visitor: Browser,
    error: OAuthError | None = None,
    **values: str,
) -> Response:
    if error is not None:
        browser.count(request, error)
    response = pages.render(
        request,
        template,
        status_code=200 if error is None else error.status_code,
        headers={} if error is None else browser.retry_after(error),
        problem=None if error is None else _problem(template, error),
        csrf_token=visitor.csrf_token,
        **{"email": "", **values},
    )
    return browser.with_cookie(request, response, visitor.cookie) if visitor.is_new else response


def _problem(template: str, error: OAuthError) -> str:
    if isinstance(error, TooManyRequests):
        return "too_often"
    if isinstance(error, TemporarilyUnavailable):
        return "too_many"
    if template == "forgot_password" and isinstance(error, InvalidRequest):
        return "bad_email"
    return "bad_password"
