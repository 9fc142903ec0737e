"""A person's e-mail address: given on the account page, verified by a link in a mail."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from auth_service import accounts, mails, pages, throttling, user_claims
from auth_service.endpoints import browser, second_step, server_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.endpoints.password_reset import check_offered
from auth_service.parameters import Parameters
from auth_service.store import mail_tokens, users
from auth_service.store.mails import Kind
from auth_service.store.sessions import Session
from shared.errors import (
    AccessDenied,
    InvalidRequest,
    OAuthError,
    TemporarilyUnavailable,
    TooManyRequests,
)

PATH: Final = "/account/email"
VERIFY: Final = mails.PATHS[Kind.VERIFY]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATH)
async def email_page(request: Request) -> Response:
    """Show the address, and ask for another one."""
    check_offered(request)
    visitor, here = await browser.logged_in(request, PATH)
    if await second_step.is_needed(request, here):
        return second_step.begin(request, PATH)
    return await _page(request, visitor, here)


@router.post(PATH)
async def give_email(request: Request) -> Response:
    """Have a link sent there, for whoever knows the password; nothing changes before it is used."""
    check_offered(request)
    server = server_of(request)
    visitor, here, parameters = await browser.logged_in_form(request, PATH)
    if await second_step.is_needed(request, here):
        return second_step.begin(request, PATH)
    email, caller = parameters.get("email", "").strip(), browser.caller(request)
    try:
        password = parameters.get("password", "")
        if await accounts.verified_user(server, here.username, password, caller) is None:
            raise AccessDenied("wrong password")
        await throttling.admit(server, throttling.mail(server, email, caller.address))
        await mails.ask(server, Kind.VERIFY, here.sub, email, pages.language_of(request))
    except OAuthError as error:
        return await _page(request, visitor, here, error, email)
    return pages.render(request, "message", heading="mail_sent", text="verify_sent_hint")


@router.get(VERIFY)
async def verify_page(request: Request) -> Response:
    """Say for which account, and ask for a click: programs that read mails open every link."""
    server = server_of(request)
    token = Parameters.parse(request.scope["query_string"]).get("token", "")
    since = server.time() - mails.LIFETIMES[Kind.VERIFY]
    username = await mail_tokens.find(server.db, mails.sha256(token), Kind.VERIFY, since)
    if username is None:
        raise StaleRequest("the link has been used, or is too old")
    visitor = await browser.of(request)
    values = {"csrf_token": visitor.csrf_token, "token": token, "username": username}
    response = pages.render(request, "verify_email", **values)  # type: ignore[arg-type]
    return browser.with_cookie(request, response, visitor.cookie) if visitor.is_new else response


@router.post(VERIFY)
async def verify(request: Request) -> Response:
    """Note that the address is the user's, once."""
    server, visitor = server_of(request), await browser.of(request)
    parameters = await browser.form(request, visitor)
    token, language = parameters.get("token", ""), pages.language_of(request)
    if not await user_claims.verify_email(server, mails.sha256(token), language):
        raise StaleRequest("the link has been used, or is too old")
    return pages.render(request, "message", heading="email_verified", text="logged_out_text")


async def _page(
    request: Request,
    visitor: Browser,
    session: Session,
    error: OAuthError | None = None,
    email: str = "",
) -> Response:
    known: dict[str, Any] = await users.claims(server_of(request).db, session.sub)
    if error is not None:
        browser.count(request, error)
    return pages.render(
        request,
        "email",
        status_code=200 if error is None else error.status_code,
        headers={} if error is None else browser.retry_after(error),
        problem=None if error is None else _problem(error),
        csrf_token=visitor.csrf_token,
        username=session.username,
        current=known.get("email"),
        is_verified=known.get("email_verified", False),
        email=email,
    )


def _problem(error: OAuthError) -> str:
    if isinstance(error, TooManyRequests):
        return "too_often"
    if isinstance(error, TemporarilyUnavailable):
        return "too_many"
    return "bad_email" if isinstance(error, InvalidRequest) else "wrong_old_password"
