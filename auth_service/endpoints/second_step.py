"""The second step of a log-in: the page that asks for a code."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from auth_service import pages, second_factor, sessions
from auth_service.authentication_context import TWO_FACTORS, acr
from auth_service.endpoints import browser, entrance, server_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import second_factors, users
from auth_service.store.sessions import Session
from auth_service.store.users import User
from shared.errors import OAuthError, TooManyRequests

PATH = "/login/code"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATH)
async def code_page(request: Request) -> Response:
    """Ask somebody for a code who is logged in already, for a client that needs to be surer."""
    visitor = await browser.of(request)
    parameters = Parameters.parse(request.scope["query_string"])
    if visitor.session is None:
        return browser.see_other(entrance.url(request, "login", parameters))
    return await ask(request, parameters, visitor)


@router.post(PATH)
async def take_code(request: Request) -> Response:
    """Take the code, and log in; or make the log-in that there is a stronger one."""
    server, visitor = server_of(request), await browser.of(request)
    parameters = await browser.form(request, visitor)
    user = await _user(server, visitor, parameters)
    try:
        amr = await second_factor.prove(
            server,
            user.sub,
            user.username,
            parameters.get("code", ""),
            browser.caller(request),
            pages.language_of(request),
        )
    except OAuthError as error:
        browser.count(request, error)
        ticket = parameters.get("ticket", "")
        return await ask(request, parameters, visitor, ticket=ticket, error=error)
    if "ticket" in parameters or visitor.session is None:
        return await entrance.enter(request, parameters, visitor, user, amr)
    cookie = await sessions.strengthen(server, visitor.session, amr)
    response = browser.see_other(entrance.onward(request, parameters))
    return browser.with_cookie(request, response, cookie)


async def ask(
    request: Request,
    parameters: Parameters,
    visitor: Browser,
    *,
    ticket: str = "",
    error: OAuthError | None = None,
) -> Response:
    """Show the page; `ticket` says that the password was right (see `second_factor.ticket`)."""
    values, ui_locales, sources = await entrance.context(request, parameters)
    return pages.render(
        request,
        "second_step",
        status_code=200 if error is None else error.status_code,
        ui_locales=ui_locales,
        form_action=sources,
        headers={} if error is None else browser.retry_after(error),
        problem=None if error is None else problem(error),
        csrf_token=visitor.csrf_token,
        ticket=ticket,
        **values,
    )


async def is_needed(request: Request, session: Session) -> bool:
    """Tell whether this log-in is weaker than the user's next one will be.

    Such a one changes nothing by which people log in.
    """
    if acr(session.amr) == TWO_FACTORS:
        return False
    return await second_factors.is_on(server_of(request).db, session.sub)


def begin(request: Request, next_: str) -> Response:
    """Send somebody who is logged in to this page, and then to `next_`, a page of ours."""
    query = urlencode({"next": next_})
    return browser.see_other(f"{server_of(request).settings.issuer}{PATH}?{query}")


def problem(error: OAuthError) -> str:
    """Name the text that tells the person what to mend."""
    return "too_often" if isinstance(error, TooManyRequests) else "wrong_code"


async def _user(server: AuthorizationServer, visitor: Browser, parameters: Parameters) -> User:
    """Return who has given the password, in this browser and not long ago."""
    if "ticket" in parameters:
        named = second_factor.read_ticket(server, parameters["ticket"], visitor.cookie)
    elif visitor.session is not None:
        named = visitor.session.sub, visitor.session.password_version
    else:
        named = None
    user = None if named is None else await users.find_by_sub(server.db, named[0])
    if user is None or named is None or user.password_version != named[1]:
        raise StaleRequest("the password was given too long ago, or in another browser")
    return user
